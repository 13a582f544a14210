"""Every layer and model of the API reference against everything it must equal: one table of cases, one of checks."""
