"""What is in a zone and who sees it: entities, zones, interest, cells encoded once. Pure."""
