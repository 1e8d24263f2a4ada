"""What may be asked of an engine: requests as rows, answers, refusals remembered."""
