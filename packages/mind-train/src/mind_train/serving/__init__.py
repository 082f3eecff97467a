"""An OpenAI-compatible server over one model: requests, the writer behind them, the routes."""
