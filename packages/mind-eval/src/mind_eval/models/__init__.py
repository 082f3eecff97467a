"""Models: a mind-train checkpoint, a Hugging Face folder, or a server; one face for all."""
