"""The card as its host sees it: transports, driver, and the change to the twin when it fails."""
