"""Words that say what kind of number follows them; those that end in `$` must be near it."""

from __future__ import annotations

import re

REACH = 24
"""How far before a number its cue may begin, in characters."""

ID_CARD = re.compile(
    r"身份证|身份證|公民身份|居民身份|证件号|證件號|identity|\bid\s?(?:card|number|no)\b",
    re.IGNORECASE,
)
CARD = re.compile(
    r"银行卡|銀行卡|信用卡|借记卡|储蓄卡|卡号|卡號|账号|帐号|賬號|帳號|账户|帐户|賬戶|帳戶"
    r"|(?:card|account|acct|a/c)\s{0,2}(?:number|no\b|#|:)|\b(?:visa|mastercard|unionpay)\b",
    re.IGNORECASE,
)
TELEPHONE = re.compile(
    r"电话|電話|座机|座機|传真|傳真|热线|熱線|客服|致电|致電|拨打|撥打|联系方式|聯絡"
    r"|\b(?:tel|telephone|phone|fax|call|hotline)\b|toll[ -]free",
    re.IGNORECASE,
)
CREDIT_CODE = re.compile(r"信用代码|信用代碼|纳税人识别号|税号|稅號|credit code", re.IGNORECASE)
PASSPORT = re.compile(
    r"(?:护照|護照|通行证|通行證|回乡证|回鄉證)[^0-9\n，。；;]{0,12}$"
    r"|passport\s{0,2}(?:no|number|num|nr|id|#)?[.:：#\s]{0,4}(?:is\s)?$",
    re.IGNORECASE,
)
TAIWAN_PERMIT = re.compile(
    r"(?:台胞证|台胞證|臺胞證|台湾居民[^0-9\n]{0,12}证)[^0-9\n，。；;]{0,8}$"
)
OVERSEAS_ID = re.compile(
    r"身份证|身份證|身分證|身分证|统一编号|統一編號|居留證|居留证|香港|hkid|\bid\s?(?:card|number|no)\b",
    re.IGNORECASE,
)
HONG_KONG_HANDSET = re.compile(r"手机|手機|電話|香港|whatsapp|\bmobile\b", re.IGNORECASE)
HANDSET = re.compile(
    r"手机|手機|电话|電話|致电|致電|行動|联络|聯絡|联系|聯繫|whatsapp|line|\b(?:tel|mobile|phone|call)\b",
    re.IGNORECASE,
)
VEHICLE = re.compile(
    r"(?:车牌|車牌|牌照|号牌|號牌|车辆|車輛|驾驶|駕駛|轿车|轎車|货车|貨車|客车|客車|机动车|機動車)"
    r"[^0-9，。；\n]{0,6}$"
)
INTERNET = re.compile(
    r"\bips?\b|ip地址|ipv4|ipv6|地址|主机|主機|服务器|伺服器|登录|登錄|访问|://|@|\bhosts?\b"
    r"|\bserver\b|\baddress(?:es)?\b|\bping\b|\bconnect|\broute|\bdns\b|\binet6?\b",
    re.IGNORECASE,
)
VERSION = re.compile(
    r"版本|版|章|节|條|条|第|§|(?:\b|_)(?:v|ver|version|release|rel|rev|sections?|sec|chapter"
    r"|firmware|build|update|kernel|driver)[ ._:=#\"“-]{0,3}$",
    re.IGNORECASE,
)

_OTHER_NUMBER = re.compile(
    r"(?:订单|訂單|单号|單號|编号|編號|流水号|序列号|货号|型号|批号|号段|快递"
    r"|\b(?:order|invoice|serial|tracking|sku|isbn|issn|doi|uid|pid|no))[^0-9\n]{0,6}$",
    re.IGNORECASE,
)


def cue_before(text: str, start: int, cue: re.Pattern[str], reach: int = REACH) -> bool:
    """Say whether one of the words stands in the few characters before a position."""
    # The end of the search counts as the end of the text for `$`, so that no slice is made.
    return cue.search(text, max(0, start - reach), start) is not None


def is_order_number(text: str, start: int) -> bool:
    """Say whether the words right before a position announce the number of an order or a thing."""
    return _OTHER_NUMBER.search(text, max(0, start - REACH), start) is not None
