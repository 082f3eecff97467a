"""From verdicts to ratings: sequential Elo, Bradley–Terry, Plackett–Luce, and how sure they are."""
