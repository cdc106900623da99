"""From records to what a client reads: typed results, sentences, tables and charts."""
