"""Private data and numbers that are none, from a seeded generator, in both languages.

The numbers are random but valid (check digits, area codes); the sentences are not those that the
rules were tried on.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator

from mind_clean.pii_rules.id_number import check_digit
from mind_clean.pii_rules.overseas import hong_kong_check, is_taiwan_id

Make = Callable[[random.Random], str]


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def mobile(rng: random.Random) -> str:
    return "1" + rng.choice("3589") + digits(rng, 9)


def grouped(mark: str) -> Make:
    def make(rng: random.Random) -> str:
        number = mobile(rng)
        return mark.join((number[:3], number[3:7], number[7:]))

    return make


def resident(rng: random.Random) -> str:
    born = f"19{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
    start = rng.choice(("110105", "310104", "440305", "510107")) + born + digits(rng, 3)
    return start + check_digit(start)


def mistyped(rng: random.Random) -> str:
    number = resident(rng)
    return number[:17] + rng.choice([d for d in "0123456789" if d != number[17]])


def hong_kong(rng: random.Random) -> str:
    number = rng.choice("ABCDEGHKPRVYZ") + digits(rng, 6)
    return f"{number}({hong_kong_check(number)})"


def taiwan(rng: random.Random) -> str:
    start = rng.choice("ABCDEFGH") + rng.choice("12") + digits(rng, 7)
    return next(start + d for d in "0123456789" if is_taiwan_id(start + d))


def name(rng: random.Random) -> str:
    return rng.choice(("wang", "li.lei", "mary_j", "tea", "zhao-y")) + digits(rng, 2)


def email(host: str) -> Make:
    return lambda rng: host.format(name(rng))


def address(rng: random.Random) -> str:
    first = rng.choice((61, 123, 202, 218))
    return f"{first}.{rng.randrange(70, 250)}.{digits(rng, 1)}.{rng.randrange(1, 250)}"


def american(rng: random.Random) -> str:
    return f"({rng.choice((415, 212))}) {rng.randrange(200, 999)}-{digits(rng, 4)}"


def handle(rng: random.Random) -> str:
    return (
        rng.choice(("cha", "lao", "mei"))
        + "".join(rng.choices(string.ascii_lowercase, k=4))
        + digits(rng, 2)
    )


POSITIVES: tuple[tuple[str, str, Make], ...] = (
    ("phone", "有事请打{}找老陈。", mobile),
    ("phone", "她的号码是{}，晚上才接。", mobile),
    ("phone", "Text me on {} after work.", mobile),
    ("phone", "收件人：李先生 {} 上海", mobile),
    ("phone", "报名电话：{}", grouped(".")),
    ("phone", "Mr Wu ({}) will meet you", grouped("-")),
    ("phone", "联络人{}，请勿深夜来电", grouped(" ")),
    ("phone", "+86 {} is my Chinese number", mobile),
    ("phone", "香港办事处 +852 {}", lambda r: "9" + digits(r, 3) + " " + digits(r, 4)),
    ("phone", "WhatsApp: {}", lambda r: "6" + digits(r, 3) + " " + digits(r, 4)),
    ("phone", "台北分店手機：{}", lambda r: f"09{digits(r, 2)}-{digits(r, 3)}-{digits(r, 3)}"),
    ("phone", "call {} in Taipei", lambda r: f"+886 9{digits(r, 2)} {digits(r, 3)} {digits(r, 3)}"),
    ("id_number", "业主身份证号码{}已核对", resident),
    ("id_number", "ID card no. {} on file", resident),
    ("id_number", "（{}）系我单位职工", resident),
    ("id_number", "身份证：{}，复印件一份", mistyped),
    ("id_number", "申請人香港身份證號碼 {}", hong_kong),
    ("id_number", "HKID {} verified", hong_kong),
    ("id_number", "身分證字號：{}", taiwan),
    ("email", "简历发到{}即可", email("{}@corp.example.cn")),
    ("email", "write to {}!", email("{}@uni.edu")),
    ("email", "投稿邮箱{}（#换@）", email("{}#press.example.com")),
    ("email", "mail: {}", email("{}[at]lab.example.org")),
    ("email", "{} 是我的信箱", email("{} (at) mail.tw")),
    ("email", "邮箱：{}", email("{}@茶叶.中国")),
    ("passport", "港澳居民回乡证{}", lambda r: "H" + digits(r, 8)),
    ("passport", "台胞证号：{}", lambda r: digits(r, 8)),
    ("passport", "Passport No: {}", lambda r: "E" + digits(r, 8)),
    ("wechat", "想进群的加V：{}", handle),
    ("wechat", "VX：{} 备注来意", handle),
    ("wechat", "v信：{}", handle),
    ("wechat", "微信号：{}", handle),
    ("ip_address", "sshd: Failed login ip={} port=22", address),
    ("ip_address", "客户端地址 {} 已封禁", address),
    ("phone_us", "Call our office at {} today", american),
    ("phone_uk", "ring {} in London", lambda r: f"+44 20 7{digits(r, 3)} {digits(r, 4)}"),
)
NEGATIVES: tuple[tuple[str, Make], ...] = (
    ("比例为1/{}，可以忽略", mobile),
    ("第{}号包裹已出库", mobile),
    ("精确到小数点后{}位", mobile),
    ("y = {} * 3 + 1", mobile),
    ("订单号{}待付款", mobile),
    ("invoice no. {} is due", mobile),
    ("文件大小 {} 字节", mobile),
    ("Passport to {} stars", lambda r: digits(r, 9)),
    ("ISBN 978{}", lambda r: digits(r, 10)),
    ("时间戳 17{}", lambda r: digits(r, 8)),
    ("build 3.{}.2", mobile),
    ("version=2.{}.0.17", lambda r: digits(r, 1)),
    ("内网地址192.168.0.{}", lambda r: str(r.randrange(1, 250))),
    ("单号SF{}已签收", lambda r: digits(r, 13)),
    ("order 20{} shipped", lambda r: digits(r, 16)),
    ("股票代码60{}今日上涨", lambda r: digits(r, 4)),
    ("pi is 3.14159{}", lambda r: digits(r, 12)),
    ("共有{}人次访问", mobile),
    ("¥{}元整", mobile),
    ("sha1 a{}f", lambda r: digits(r, 18)),
    ("meet (at) {} o'clock", lambda r: str(r.randrange(1, 12))),
    ("use @{} in CSS", lambda _: "media"),
    ("icon@{}x.png", lambda r: str(r.randrange(2, 4))),
    ("在第{}页", lambda r: digits(r, 3)),
    ("{}年", lambda r: "19" + digits(r, 2)),
    ("GDP为{}亿元", lambda r: digits(r, 8)),
    ("A{}型钢材", lambda r: digits(r, 6)),
    ("chapter 1.2.3.{}", lambda r: digits(r, 1)),
)


def made(each: int, seed: int = 13) -> Iterator[tuple[str, str, str]]:
    """Yield texts with the kind of what is in them, and what it is; nothing for those without."""
    rng = random.Random(seed)
    for kind, sentence, make in POSITIVES:
        for _ in range(each):
            data = make(rng)
            yield sentence.format(data), kind, data
    for sentence, make in NEGATIVES:
        for _ in range(each):
            yield sentence.format(make(rng)), "", ""
