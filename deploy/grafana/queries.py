"""How the metrics are asked for: PromQL in the words of the dashboard.

`$instance`, `$replica` and `$__rate_interval` are filled in by Grafana.
"""

# A refusal whose instance is not known is shown with every instance: hence the empty alternative.
INSTANCE = 'instance=~"$instance|",replica=~"$replica"'
CHOSEN = 'instance=~"$instance"'  # of what was recorded for all replicas together
REPLICA = 'replica=~"$replica"'

# Every replica shows the same numbers, so they are taken once.
AVAILABLE = f"max by (instance, province) (callerid_numbers_available{{{INSTANCE}}})"
STALE = 600.0  # seconds; inventory.stale_after_seconds


def per_second(metric: str, by: str = "", where: str = INSTANCE) -> str:
    """The rate of a counter, over all series that agree in some labels."""
    return f"sum by ({by}) (rate({metric}{{{where}}}[$__rate_interval]))"


def recently(metric: str, by: str = "", where: str = INSTANCE) -> str:
    """How much a counter grew in the stretch of time that one point stands for."""
    return f"sum by ({by}) (increase({metric}{{{where}}}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str = "", where: str = REPLICA) -> str:
    """The value that so large a share of the observations does not exceed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {per_second(f'{histogram}_bucket', labels, where)})"


def over_instances(gauge: str, label: str, where: str = INSTANCE) -> str:
    """A gauge that every replica shows alike, taken once for each instance and added up."""
    return f"sum by ({label}) (max by (instance, {label}) ({gauge}{{{where}}}))"
