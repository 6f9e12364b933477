"""The three Faust jobs: intake, detect, alerting."""
