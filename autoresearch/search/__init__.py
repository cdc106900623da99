"""Search without a language model: it turns knobs, predicts, and is judged as anybody is."""
