"""To and from Hugging Face folders: config.json and model.safetensors, never a pickle."""
