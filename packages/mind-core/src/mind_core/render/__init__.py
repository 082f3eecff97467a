"""Tables, charts and pictures: what all tools show to people is laid out and drawn here."""
