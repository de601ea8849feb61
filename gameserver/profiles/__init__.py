"""What must survive everything, in SQL. The only folder that imports sqlalchemy."""
