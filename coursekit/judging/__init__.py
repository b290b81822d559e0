"""One answer: judged, diagnosed, shown as a card, remembered."""
