"""What the rules find in labelled logs, and what they cost: recall, false alerts, and the worth of each rule."""
