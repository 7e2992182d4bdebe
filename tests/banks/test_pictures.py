"""Pictures of strangers: what is read, how often, and what must not hurt."""

from __future__ import annotations

import io
import os
import signal
import struct
import sys
import time
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from oms.banks.decoder import Decoder, prepare
from oms.banks.pictures import LIMITS, PictureKind, PictureRefused, is_cut, kind_of, sentence
from oms.payments.states import SlipKind
from tests.samples import slips

ALIKE_BITS = 18  # usecases/slips_read.py counts pictures as alike up to here


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as decoder:
        yield decoder


def refused(decoder: Decoder, data: bytes) -> str:
    with pytest.raises(PictureRefused) as refusal:
        decoder.prepare(data)
    return refusal.value.detail_code


@pytest.mark.deep
def test_slips_are_read_through_everything_phones_and_chats_do_to_them(decoder, capsys):
    seen, read, wrong, took = Counter(), Counter(), [], []
    for case in slips.cases():
        began = time.perf_counter()
        page = decoder.prepare(case.data).pages[0]
        took.append(time.perf_counter() - began)
        seen[case.group] += 1
        if (page.code.sending_bank, page.code.reference, page.code.crc_ok) == (
            case.slip.bank,
            case.slip.reference,
            True,
        ):
            read[case.group] += 1
        else:
            assert page.code.kind is not SlipKind.SLIP, f"{case.name}: read as another slip"
            wrong.append(case.name)
    rate = read.total() / seen.total()
    with capsys.disabled():
        groups = ", ".join(f"{g} {read[g]}/{n}" for g, n in seen.items())
        sys.stdout.write(
            f"\nslips read: {read.total()} of {seen.total()} ({rate:.1%}), {1000 * sum(took) / len(took):.0f} ms each: {groups}; not read: {wrong}\n"
        )
    assert seen.total() >= 60
    assert rate >= 0.95
    assert min(read[g] / n for g, n in seen.items()) >= 0.75


def test_a_picture_is_kept_upright_without_metadata_and_with_a_thumbnail(decoder):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = 6, "PhoneMaker", {1: "N", 2: (13.0, 45.0, 0.0)}
    slip = slips.Slip()
    turned = slips.jpeg(slips.draw(slip).rotate(90, expand=True), 85, exif=exif)
    assert b"PhoneMaker" in turned
    page = decoder.prepare(turned).pages[0]
    kept, thumb = Image.open(io.BytesIO(page.picture)), Image.open(io.BytesIO(page.thumb))
    assert (kept.format, kept.size, (page.width, page.height)) == ("JPEG", (1080, 1920), (1080, 1920))
    assert not kept.getexif()
    assert b"PhoneMaker" not in page.picture
    assert set(kept.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert max(thumb.size) == LIMITS.thumb_side
    assert page.code.reference == slip.reference


def test_every_kind_is_told_by_its_content(decoder):
    picture = slips.draw(slips.Slip())
    files = {
        PictureKind.JPEG: slips.jpeg(picture), PictureKind.PNG: slips.saved(picture, "PNG"),
        PictureKind.WEBP: slips.saved(picture, "WEBP"), PictureKind.HEIC: slips.saved(picture, "HEIF"),
        PictureKind.PDF: slips.pdf_of(picture),
    }  # fmt: skip
    for kind, data in files.items():
        prepared = decoder.prepare(data)
        assert (kind_of(data), prepared.kind, len(prepared.pages), len(prepared.sha256)) == (kind, kind, 1, 64)


def test_odd_but_honest_pictures_are_opened(decoder):
    slip = slips.Slip()
    picture = slips.draw(slip)
    for mode in ("L", "1", "P", "LA", "RGBA", "I;16"):
        changed = (
            picture.convert("L").convert("I").point(lambda v: v * 257).convert("I;16")
            if mode == "I;16"
            else picture.convert(mode)
        )
        assert decoder.prepare(slips.saved(changed, "PNG")).pages[0].code.reference == slip.reference, mode
    cmyk = io.BytesIO()
    picture.convert("CMYK").save(cmyk, "JPEG")
    assert decoder.prepare(cmyk.getvalue()).pages[0].code.reference == slip.reference
    clear = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    clear.paste(picture.crop((500, 1300, 1080, 1920)), (500, 1300))
    assert decoder.prepare(slips.saved(clear, "PNG")).pages[0].code.reference == slip.reference


def test_large_photos_are_halved_and_looked_at_closely_when_that_shows_no_slip(decoder):
    random = Random(4)
    slip = slips.made(random)
    photo = slips.on_desk(slips.moire(slips.draw(slip)), 7, random).resize((3000, 4000))
    page = decoder.prepare(slips.jpeg(photo)).pages[0]
    assert (page.width, page.height, page.code.reference) == (1500, 2000, slip.reference)
    far = Image.new("RGB", (4000, 3000), "#777")
    far.paste(slips.sized(slips.draw(slip), 0.22), (1500, 900))  # halved its code has too few pixels
    page = decoder.prepare(slips.jpeg(far, 92)).pages[0]
    assert (page.width, page.height, page.code.reference) == (3000, 2250, slip.reference)


def test_a_long_screenshot_stays_legible(decoder):
    sheet = Image.new("RGB", (1080, 9000), "#eef")
    sheet.paste(slips.draw(slips.Slip()), (0, 6000))
    page = decoder.prepare(slips.jpeg(sheet)).pages[0]
    assert (page.width, page.height, page.code.kind) == (1080, 9000, SlipKind.SLIP)


def test_a_large_picture_is_turned_as_its_metadata_asks(decoder):
    exif = Image.Exif()
    exif[0x0112] = 6
    large = slips.draw(slips.Slip()).resize((3240, 5760)).rotate(90, expand=True)
    page = decoder.prepare(slips.saved(large, "WEBP", quality=60, exif=exif)).pages[0]
    assert page.height > page.width
    assert page.code.kind is SlipKind.SLIP


def test_each_page_of_a_pdf_is_a_slip_and_too_many_are_refused(decoder):
    random = Random(5)
    several = [slips.made(random) for _ in range(3)]
    pages = decoder.prepare(slips.pdf_of(*(slips.draw(s) for s in several))).pages
    assert [p.code.reference for p in pages] == [s.reference for s in several]
    tiny = Image.new("RGB", (60, 60), "white")
    assert refused(decoder, slips.pdf_of(*[tiny] * (LIMITS.pdf_pages + 1))) == "picture_pages"


def test_two_slips_in_one_picture_are_both_told(decoder):
    first, second = slips.made(Random(1), "004"), slips.made(Random(2), "014")
    sheet = Image.new("RGB", (2160, 1920))
    sheet.paste(slips.draw(first), (0, 0))
    sheet.paste(slips.draw(second), (1080, 0))
    page = decoder.prepare(slips.jpeg(sheet)).pages[0]
    assert {page.code.reference, *(o.reference for o in page.other_slips)} == {first.reference, second.reference}


def test_a_picture_without_code_and_one_to_pay_with(decoder):
    assert decoder.prepare(slips.jpeg(Image.new("RGB", (900, 1200), "#abc"))).pages[0].code.kind is SlipKind.NONE
    ask = slips.qr_picture(slips.transfer(slips.read_target("0812345678")), 8)
    assert decoder.prepare(slips.saved(ask, "PNG")).pages[0].code.kind is SlipKind.PAYMENT_QR


def test_an_odd_slip_from_a_wallet_with_a_lower_case_checksum(decoder):
    slip = slips.Slip("TMN", payload="00490002010102010203P2P03145000123456789004080101202491042f02")
    code = decoder.prepare(slips.jpeg(slips.draw(slip))).pages[0].code
    assert (code.kind, code.sending_bank, code.reference, code.crc_ok) == (SlipKind.SLIP, "TMN", "50001234567890", True)


def test_the_look_tells_the_same_slip_from_another_of_the_same_bank(decoder):
    random = Random(3)
    look = lambda picture: int(decoder.prepare(slips.jpeg(picture)).pages[0].look, 16)  # noqa: E731
    several = [replace(slips.made(random, "004"), form=0, payer=slips.PAYERS[0]) for _ in range(8)]
    looks = [look(slips.draw(s)) for s in several]
    others = [(looks[i] ^ looks[j]).bit_count() for i in range(8) for j in range(i)]
    assert min(others) > ALIKE_BITS
    for slip, own in zip(several[:4], looks, strict=False):
        picture = slips.draw(slip)
        for again in (slips.again(picture, 30, 20), slips.sized(picture, 0.4), slips.again(slips.sized(picture, 0.5), 25),
                      slips.ImageEnhance.Brightness(picture).enhance(0.8)):  # fmt: skip
            assert (look(again) ^ own).bit_count() <= ALIKE_BITS


# -- hostile files -------------------------------------------------------------------------------------------------


def png_head(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG that says a size and holds little."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def packed_zeros(count: int) -> bytes:
    """So many zeros as zlib packs them, put together of one packed million: packing them all would take seconds."""
    packer, million = zlib.compressobj(9), b"\0" * 1_000_000
    first = packer.compress(million) + packer.flush(zlib.Z_FULL_FLUSH)
    another = packer.compress(million) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(b"\0" * (count % 1_000_000)) + packer.flush()
    return first + another * (count // 1_000_000 - 1) + rest[:-4] + struct.pack(">HH", count % 65521, 1)


def test_zeros_packed_in_pieces_are_zeros():
    assert zlib.decompress(packed_zeros(3_456_789)) == b"\0" * 3_456_789


def bomb_png(side: int) -> bytes:
    """A true PNG of one color: side x side pixels in a few hundred kilobytes."""
    return png_head(side, side, packed_zeros(side * (side + 1)))


def bomb_pdf(grown: int) -> bytes:
    """A PDF whose one picture grows to that many bytes."""
    packed = packed_zeros(grown)
    side = int((grown // 3) ** 0.5)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 600] /Contents 5 0 R /Resources << /XObject << /I 4 0 R >> >> >>",
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
        % (side, side, len(packed), packed),
        b"<< /Length 27 >>\nstream\nq 600 0 0 600 0 0 cm /I Do Q\nendstream",
    ]  # fmt: skip
    out, places = b"%PDF-1.5\n", []
    for no, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (no, content)
    table = b"".join(b"%010d 00000 n \n" % p for p in places)
    return (
        out
        + b"xref\n0 6\n0000000000 65535 f \n"
        + table
        + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(out)
    )


def test_what_is_no_picture_is_refused_with_a_sentence(decoder):
    assert refused(decoder, b"") == "picture_empty"
    for data in (b"hello", b"PK\x03\x04" + bytes(200), b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + bytes(40),
                 b"\0" * 1000, b"II*\0" + bytes(100), b"<html>"):  # fmt: skip
        assert refused(decoder, data) == "picture_kind"


def test_the_sentences_name_the_limits_that_hold():
    assert f"{LIMITS.file_bytes // 1024**2} MB" in str(sentence("picture_too_large"))
    assert f"{LIMITS.pdf_pages} pages" in str(sentence("picture_pages"))


def test_cut_and_broken_pictures_are_refused(decoder):
    picture = slips.draw(slips.Slip())
    for data in (slips.jpeg(picture), slips.saved(picture, "PNG"), slips.saved(picture, "WEBP"), slips.saved(picture, "HEIF"),
                 slips.pdf_of(picture)):  # fmt: skip
        for part in (len(data) // 2, 40, 13):
            assert refused(decoder, data[:part]) in {"picture_damaged", "picture_kind"}, data[:8]
    assert refused(decoder, png_head(100, 100, b"rubbish")) == "picture_damaged"
    assert refused(decoder, b"%PDF-1.7\nrubbish") == "picture_damaged"


def test_a_half_picture_is_told_by_its_missing_end():
    picture = slips.draw(slips.Slip())
    for data in (slips.jpeg(picture), slips.saved(picture, "PNG"), slips.saved(picture, "WEBP")):
        assert not is_cut(data)
        assert not is_cut(data + bytes(5000))  # what a phone writes behind it
        for part in (len(data) // 2, len(data) - 100):
            assert is_cut(data[:part]), data[:8]
            assert is_cut(data[:part] + bytes(len(data) - part)) or data.startswith(b"RIFF")  # a file made large first
    assert not is_cut(b"")
    assert not is_cut(b"picture 1")


def test_any_damage_ends_in_a_page_or_a_refusal(decoder):
    random = Random(9)
    small = slips.sized(slips.draw(slips.Slip()), 0.3)
    files = [
        slips.jpeg(small),
        slips.saved(small, "PNG"),
        slips.saved(small, "WEBP"),
        slips.saved(small, "HEIF"),
        slips.pdf_of(small),
    ]
    for data in files:
        for _ in range(8):
            damaged = bytearray(data)
            for _ in range(random.randrange(1, 30)):
                damaged[random.randrange(len(damaged))] = random.randrange(256)
            with suppress(PictureRefused):
                decoder.prepare(bytes(damaged))


def test_too_many_pixels_are_refused_before_they_are_unpacked(decoder):
    began = time.perf_counter()
    assert refused(decoder, bomb_png(30_000)) == "picture_pixels"
    assert refused(decoder, png_head(2**31 - 1, 2**31 - 1)) in {"picture_pixels", "picture_damaged"}
    assert refused(decoder, png_head(0, 10)) in {"picture_pixels", "picture_damaged"}
    assert refused(decoder, png_head(60_000, 1)) in {"picture_pixels", "picture_damaged"}
    assert time.perf_counter() - began < 10


def test_a_pdf_that_grows_without_end_hurts_nobody():
    with Decoder(replace(LIMITS, memory_bytes=300 * 1024 * 1024)) as small:
        with suppress(PictureRefused):
            small.prepare(bomb_pdf(400_000_000))
        assert small.prepare(slips.jpeg(slips.draw(slips.Slip()))).pages[0].code.reference == slips.Slip().reference


def test_a_file_larger_than_the_limit_is_not_even_sent():
    with Decoder(replace(LIMITS, file_bytes=1000)) as small:
        assert refused(small, b"\xff\xd8\xff" + bytes(1000)) == "picture_too_large"
        assert small._process is None


def test_a_pdf_with_a_password_is_refused_with_its_own_sentence(decoder):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(slips.pdf_of(slips.draw(slips.Slip())))))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert refused(decoder, out.getvalue()) == "picture_locked"


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read():
    good = slips.jpeg(slips.draw(slips.Slip()))
    with Decoder() as decoder:
        decoder.prepare(good)
        os.kill(decoder._process.pid, signal.SIGSTOP)
        decoder.limits = replace(LIMITS, patience=0.5)
        began = time.perf_counter()
        assert refused(decoder, good) == "picture_too_heavy"
        assert time.perf_counter() - began < 5
        decoder.limits = LIMITS
        assert decoder.prepare(good).pages[0].code.kind is SlipKind.SLIP


def test_a_process_that_died_meanwhile_is_replaced_without_a_word():
    good = slips.jpeg(slips.draw(slips.Slip()))
    with Decoder() as decoder:
        decoder.prepare(good)
        os.kill(decoder._process.pid, signal.SIGKILL)
        assert decoder.prepare(good).pages[0].code.kind is SlipKind.SLIP


def test_too_little_memory_is_a_refusal_and_not_a_crash():
    big = slips.saved(Image.new("RGB", (6000, 6000), "white"), "PNG")
    with Decoder(replace(LIMITS, memory_bytes=200 * 1024 * 1024)) as small:
        assert refused(small, big) == "picture_too_heavy"


def test_the_process_knows_nothing_of_its_parent(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    with Decoder() as decoder:
        decoder.prepare(slips.jpeg(slips.draw(slips.Slip())))
        pid = decoder._process.pid
        assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
        held = {str(link.readlink()).split(":")[0] for link in Path(f"/proc/{pid}/fd").iterdir()}
        assert held <= {"pipe", "/dev/null"}


def test_one_file_alone_leaves_no_process_behind():
    prepared = prepare(slips.jpeg(slips.draw(slips.Slip())))
    assert prepared.pages[0].code.reference == slips.Slip().reference
