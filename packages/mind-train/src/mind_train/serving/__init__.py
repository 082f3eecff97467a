"""An OpenAI-compatible server over one model: requests, the engine behind them, the routes."""
