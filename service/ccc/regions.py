"""Where CCC answers for a region, as the official SDK resolves it. Pure."""

_CENTRAL = "ccc.aliyuncs.com"
# The regions that the SDK (alibabacloud-ccc20200701 2.35.0) sends to the central endpoint.
_CENTRAL_REGIONS = frozenset(
    (
        *("ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"),
        *("ap-southeast-5", "cn-beijing", "cn-chengdu", "cn-hangzhou-finance", "cn-hongkong"),
        *("cn-huhehaote", "cn-north-2-gov-1", "cn-qingdao", "cn-shanghai-finance-1"),
        *("cn-shenzhen", "cn-shenzhen-finance-1", "cn-zhangjiakou", "eu-central-1", "eu-west-1"),
        *("me-east-1", "us-east-1", "us-west-1"),
    )
)


def endpoint_of(region: str) -> str:
    """The address of CCC for a region's id, such as `cn-shanghai`."""
    host = _CENTRAL if region in _CENTRAL_REGIONS else f"ccc.{region}.aliyuncs.com"
    return f"https://{host}"
