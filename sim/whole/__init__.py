"""The whole gateware: streams for it, what they bring it, its records held to the model's."""
