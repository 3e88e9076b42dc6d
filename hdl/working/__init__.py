"""The working orders of the policy, one a slot."""
