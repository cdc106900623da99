"""From recorded attempts to mastery and review dates. Pure: no clock."""
