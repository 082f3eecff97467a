"""The verbs as a user types them: options, help and what they are turned into."""
