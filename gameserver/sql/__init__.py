"""The SQL engine: connections, deadlines, tables, migrations, and rows that are written behind play."""
