"""Pictures of transfer slips, drawn by us, with real QR payloads; and what phones and chats do to them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random

import segno
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from oms.banks.codes import BANKS
from oms.banks.promptpay import read_target, transfer
from oms.banks.slip_code import write_slip
from oms.money import Money

FONTS = Path(__file__).resolve().parents[2] / "views" / "static" / "fonts"
COLORS = {"002": "#1e4598", "004": "#138f2d", "006": "#1ba5e1", "011": "#f68b1f", "014": "#4e2e7f", "025": "#d0a000",
          "030": "#eb198d", "069": "#199cc5"}  # fmt: skip
PAYERS = ("นางสาว มาลี วงศ์ใจ", "นาย ก้องภพ ศรีสุข", "น.ส. ปิยะดา ทองดี", "นาย ธนากร แซ่ลิ้ม", "นาง อรทัย พูนทรัพย์")
MONTHS = ("ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.")


@dataclass(frozen=True)
class Slip:
    """What a drawn slip says."""

    bank: str = "004"
    reference: str = "015073144041ATF00999"
    amount: str = "1,590.00"
    payer: str = PAYERS[0]
    receiver: str = "บจก. ร้านตัวอย่าง"
    account: str = "xxx-x-x4567-x"
    at: datetime = datetime(2026, 11, 23, 10, 41)
    payload: str = ""
    form: int = 0

    @property
    def code(self) -> str:
        return self.payload or write_slip(self.bank, self.reference)


def made(random: Random, bank: str | None = None) -> Slip:
    """A slip of its own."""
    bank = bank or random.choice(sorted(COLORS))
    letters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    reference = f"{random.randrange(10**12):012d}" + "".join(random.choices(letters, k=random.randrange(5, 13)))
    amount = Money.satang(random.randrange(5_000, 900_000))
    at = datetime(2026, random.randrange(1, 12), random.randrange(1, 28), random.randrange(24), random.randrange(60))
    return Slip(bank, reference, f"{amount.amount:,.2f}", random.choice(PAYERS), at=at,
                account=f"xxx-x-x{random.randrange(10**4):04d}-x", form=random.randrange(3))  # fmt: skip


@cache
def _font(part: str, size: int, weight: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / f"plex-thai-{part}-{weight}.woff2", size)


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, color: str = "#222", weight: int = 400
) -> None:
    """Thai and Latin letters come from two files of the same face."""
    x, y = at
    run, thai = "", False
    for letter in [*text, None]:
        is_thai = letter is not None and "\u0e00" <= letter <= "\u0e7f"
        if letter is None or (is_thai != thai and letter != " "):
            if run:
                font = _font("thai" if thai else "latin", size, weight)
                draw.text((x, y), run, font=font, fill=color, anchor="ls")
                x += round(font.getlength(run))
            run, thai = "", is_thai
        run += letter or ""


def qr_picture(text: str, module: int = 6, error: str = "m") -> Image.Image:
    """A QR code with its quiet zone."""
    out = io.BytesIO()
    segno.make(text, error=error, boost_error=False).save(out, kind="png", scale=module, border=4)
    return Image.open(out).convert("RGB")


def draw(slip: Slip, width: int = 1080, height: int = 1920) -> Image.Image:
    """The slip as the app saves it: header in the bank's color, who to whom, amount, QR in a corner."""
    bank, color = BANKS[slip.bank], COLORS.get(slip.bank, "#555")
    picture = Image.new("RGB", (width, height), ("#ffffff", "#f2f5f7", "#fbf7ef")[slip.form])
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, width, 210), fill=color)
    _write(pen, (60, 130), bank.short, 64, "#ffffff", 600)
    _write(pen, (60, 300), "โอนเงินสำเร็จ", 58, color, 600)
    when = f"{slip.at.day} {MONTHS[slip.at.month - 1]} {(slip.at.year + 543) % 100} {slip.at:%H:%M} น."
    _write(pen, (60, 370), when, 38, "#666")
    rows = [("จาก", slip.payer, f"{bank.thai} {slip.account}"), ("ไปยัง", slip.receiver, "พร้อมเพย์ 0-1055-xxxxx-01-9")]
    for no, (label, name, detail) in enumerate(rows):
        top = 500 + no * 260
        pen.ellipse((60, top - 60, 160, top + 40), outline=color, width=6)
        _write(pen, (200, top - 30), label, 34, "#888")
        _write(pen, (200, top + 30), name, 46, "#111", 600)
        _write(pen, (200, top + 90), detail, 36, "#555")
    for no, (label, value) in enumerate(
        (("เลขที่รายการ", slip.reference), ("จำนวน", f"{slip.amount} บาท"), ("ค่าธรรมเนียม", "0.00 บาท"))
    ):
        _write(pen, (60, 1080 + no * 110), label, 36, "#888")
        _write(pen, (60, 1130 + no * 110), value, 46, "#111", 600)
    code = qr_picture(slip.code)
    side = (300, 270, 250)[slip.form]
    code = code.resize((side, side), Image.Resampling.NEAREST if slip.form == 0 else Image.Resampling.LANCZOS)
    picture.paste(code, (width - side - 60, height - side - (110, 240, 60)[slip.form]))
    _write(pen, (60, height - 120), "สแกนตรวจสอบสลิป", 34, "#999")
    return picture


# -- what happens to pictures on the way ---------------------------------------------------------------------------


def jpeg(picture: Image.Image, quality: int = 82, **facts: object) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=quality, **facts)
    return out.getvalue()


def saved(picture: Image.Image, form: str, **facts: object) -> bytes:
    out = io.BytesIO()
    if form == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    picture.save(out, form, **facts)
    return out.getvalue()


def again(picture: Image.Image, *qualities: int) -> Image.Image:
    """Compressed and opened, once per quality."""
    for quality in qualities:
        picture = Image.open(io.BytesIO(jpeg(picture, quality)))
    return picture.convert("RGB")


def sized(picture: Image.Image, scale: float) -> Image.Image:
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)


def dark(picture: Image.Image, light: float, noise: int, random: Random) -> Image.Image:
    """A photo in a dim room: little light, little contrast, grain."""
    dim = ImageEnhance.Contrast(ImageEnhance.Brightness(picture).enhance(light)).enhance(0.6)
    grain = Image.frombytes(
        "L", (picture.width // 2, picture.height // 2), random.randbytes(picture.width // 2 * (picture.height // 2))
    )
    grain = grain.resize(picture.size).point(lambda v: 128 + (v - 128) * noise // 128).convert("RGB")
    return ImageChops.add(dim, grain, scale=1, offset=-128)


def shaded(picture: Image.Image, deep: int = 150) -> Image.Image:
    """A shadow across the picture, and a bright spot."""
    shade = Image.linear_gradient("L").rotate(40, expand=True).resize(picture.size).point(lambda v: deep * v // 255)
    spot = Image.radial_gradient("L").resize((picture.width, picture.height // 2)).point(lambda v: max(0, 110 - v))
    lit = ImageChops.subtract(picture, shade.convert("RGB"))
    glare = Image.new("L", picture.size)
    glare.paste(spot, (0, picture.height // 3))
    return ImageChops.add(lit, glare.convert("RGB"))


def framed(picture: Image.Image, color: str = "#101418") -> Image.Image:
    """A screenshot of the picture shown in a chat or gallery: smaller, bars above and below, a status line."""
    shown = sized(picture, 0.82)
    frame = Image.new("RGB", (1080, 2340), color)
    frame.paste(shown, ((1080 - shown.width) // 2, 330))
    pen = ImageDraw.Draw(frame)
    _write(pen, (60, 70), "10:41", 40, "#fff", 600)
    pen.rectangle((0, 2140, 1080, 2340), fill="#20262c")
    return frame


def on_desk(picture: Image.Image, angle: float, random: Random) -> Image.Image:
    """A photo of a phone on a table, turned."""
    desk = Image.effect_noise((1700, 2600), 40).convert("RGB")
    desk = ImageChops.multiply(desk, Image.new("RGB", desk.size, "#a9876a"))
    turned = picture.convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True)
    turned.thumbnail((1550, 2450))
    desk.paste(turned, (random.randrange(20, 100), random.randrange(20, 100)), turned)
    return desk


def leaning(picture: Image.Image, by: float) -> Image.Image:
    """Seen from the side: the far edge is shorter."""
    w, h = picture.size
    quad = (0, 0, -w * by, h * (1 + by), w * (1 + by), h * (1 - by / 2), w * (1 - by / 2), by * h)
    return picture.transform(picture.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor="#888")


def moire(picture: Image.Image) -> Image.Image:
    """A camera looking at a screen: fine stripes, a little blur."""
    tile = Image.new("L", (4, 4), 255)
    for x in range(4):
        tile.putpixel((x, x), 205)
    while tile.width < picture.width or tile.height < picture.height:
        double = Image.new("L", (tile.width * 2, tile.height * 2))
        for corner in ((0, 0), (tile.width, 0), (0, tile.height), tile.size):
            double.paste(tile, corner)
        tile = double
    tile = tile.crop((0, 0, *picture.size))
    return ImageChops.multiply(picture, tile.convert("RGB")).filter(ImageFilter.GaussianBlur(1.1))


def with_payment_qr(slip: Slip, beside: str = "0812345678") -> Image.Image:
    """A chat screenshot: the shop's own payment QR above the slip."""
    sheet = Image.new("RGB", (1080, 2700), "#8cabd8")
    ask = qr_picture(transfer(read_target(beside), Money.parse(slip.amount)), 9)
    sheet.paste(ask, (60, 60))
    sheet.paste(sized(draw(slip), 0.85), (120, 700))
    return sheet


def pdf_of(*pictures: Image.Image) -> bytes:
    out = io.BytesIO()
    first, *rest = [p.convert("RGB") for p in pictures]
    first.save(out, "PDF", save_all=True, append_images=rest, resolution=150)
    return out.getvalue()


@dataclass(frozen=True)
class Case:
    """One file and what is printed in it."""

    name: str
    group: str
    data: bytes = field(repr=False)
    slip: Slip


def _effects(random: Random) -> Iterator[tuple[str, str, Callable[[Slip], bytes]]]:
    """(group, detail, maker): every way of the list, most of them several times."""
    blur = ImageFilter.GaussianBlur
    for _ in range(4):
        yield "as saved", "png", lambda s: saved(draw(s), "PNG")
    for angle in (3, 7, 90, 135, 180, 211, 270, 340):
        yield (
            "rotated",
            f"{angle}°",
            lambda s, a=angle: jpeg(draw(s).rotate(a, Image.Resampling.BICUBIC, expand=True, fillcolor="#333")),
        )
    for turn in (3, 6, 8):
        yield "rotated", f"by metadata {turn}", lambda s, t=turn: _with_exif(draw(s), t)
    for radius in (1.0, 1.6, 2.0, 2.4, 2.8, 3.2):
        yield "blurred", f"{radius} px", lambda s, r=radius: jpeg(draw(s).filter(blur(r)))
    for qualities in ((30,), (18,), (12,), (60, 40, 25), (50, 30, 20, 15)):
        yield "recompressed", "-".join(map(str, qualities)), lambda s, q=qualities: jpeg(again(draw(s), *q), 60)
    for light, noise in ((0.5, 20), (0.35, 25), (0.25, 25), (0.18, 20), (0.12, 12), (0.3, 60)):
        yield "low light", f"{light} grain {noise}", lambda s, v=light, n=noise: jpeg(dark(draw(s), v, n, random))
    for deep in (90, 140, 180):
        yield "low light", f"shadow {deep}", lambda s, d=deep: jpeg(shaded(draw(s), d))
    for times in (1, 2, 3, 3):
        yield "screenshot of a screenshot", f"{times}", lambda s, t=times: jpeg(_shots(s, t))
    for scale in (0.6, 0.45, 0.36, 0.3):
        yield "shrunk by chats", f"{scale}", lambda s, k=scale: jpeg(sized(draw(s), k), 70)
    for box in ((0, 900, 1080, 1920), (300, 1200, 1080, 1920), (500, 1350, 1060, 1900), (0, 0, 1080, 1890)):
        yield "cropped", f"{box}", lambda s, b=box: jpeg(draw(s).crop(b), 75)
    for quality in (80, 40, 25):
        yield "two QR codes", f"{quality}", lambda s, q=quality: jpeg(with_payment_qr(s), q)
    for angle in (4, 12, 33, -8):
        yield "photo of a screen", f"{angle}°", lambda s, a=angle: jpeg(on_desk(moire(draw(s)), a, random), 70)
    for by in (0.05, 0.1, 0.15):
        yield "photo of a screen", f"leaning {by}", lambda s, k=by: jpeg(leaning(draw(s), k), 75)
    yield "HEIC", "", lambda s: saved(draw(s), "HEIF", quality=50)
    yield "HEIC", "photo", lambda s: saved(sized(on_desk(draw(s), 9, random), 0.7), "HEIF", quality=45)
    yield "WebP", "", lambda s: saved(draw(s), "WEBP", quality=50)
    yield "WebP", "with transparency", lambda s: saved(draw(s).convert("RGBA"), "WEBP", quality=70)
    yield "PDF", "", lambda s: pdf_of(draw(s))
    yield "PDF", "small on the page", lambda s: pdf_of(_on_paper(draw(s)))


def _with_exif(picture: Image.Image, turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    exif[0x010F] = "PhoneMaker"
    back = {3: 180, 6: 90, 8: 270}[turn]
    return jpeg(picture.rotate(back, expand=True), 80, exif=exif)


def _shots(slip: Slip, times: int) -> Image.Image:
    picture = draw(slip)
    for _ in range(times):
        picture = again(framed(picture), 60)
    return picture


def _on_paper(picture: Image.Image) -> Image.Image:
    paper = Image.new("RGB", (1240, 1754), "white")
    paper.paste(sized(picture, 0.6), (90, 120))
    return paper


def cases(seed: int = 7, rounds: int = 1) -> Iterator[Case]:
    """Every distortion over slips of different banks, the same ones for the same seed."""
    random = Random(seed)
    for turn in range(rounds):
        for no, (group, detail, make) in enumerate(_effects(random)):
            slip = made(random)
            yield Case(f"{turn}-{no:02d} {group} {detail}".strip(), group, make(slip), slip)
