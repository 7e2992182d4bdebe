"""The words messages have until a shop writes its own: Thai as a shop clerk writes it, English beside it.

``{word}`` is filled in; ``[...]`` is left out when one of its words has nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.notifications.catalogue import Event, Form

E = Event
_CHAT_TH: Mapping[Event, str] = {
    E.RECEIVED: "สวัสดีค่ะคุณ{name} {shop} ได้รับคำสั่งซื้อ {order} แล้วนะคะ\n{items}\nยอดรวม {total} บาท"
    "\nเดี๋ยวทางร้านยืนยันให้อีกครั้งค่ะ[\nดูรายการได้ที่ {link}]",
    E.CONFIRMED: "สวัสดีค่ะคุณ{name} {shop} ยืนยันคำสั่งซื้อ {order} แล้วค่ะ\n{items}\nยอดรวม {total} บาท"
    "[\nยอดที่ต้องโอน {missing} บาท][ ภายใน {pay_until}][\nโอนได้ที่\n{accounts}][\nดูรายการและแจ้งโอนได้ที่ {link}]",
    E.PAID: "ได้รับยอดโอน {amount} บาท ของคำสั่งซื้อ {order} เรียบร้อยแล้ว ขอบคุณค่ะคุณ{name}"
    "[\nยังขาดอีก {missing} บาทนะคะ][\n{link}]",
    E.SLIP_REJECTED: "คุณ{name}คะ สลิปของคำสั่งซื้อ {order} ยังไม่ผ่านการตรวจสอบค่ะ[\nเพราะ: {reason}]"
    "[\nยอดที่ต้องโอน {missing} บาท]\nรบกวนตรวจสอบแล้วส่งสลิปใหม่อีกครั้งนะคะ[\n{link}]",
    E.REMINDER: "คุณ{name}คะ คำสั่งซื้อ {order} ยังรอชำระเงิน[ {missing} บาท]ค่ะ[\nโอนได้ถึง {pay_until}]"
    "[\nโอนได้ที่\n{accounts}]\nหากโอนแล้วรบกวนส่งสลิปให้ทางร้านด้วยนะคะ[\n{link}]",
    E.PACKED: "คำสั่งซื้อ {order} แพ็กเรียบร้อยแล้ว กำลังรอส่งให้ขนส่งค่ะ",
    E.SHIPPED: "ส่งของแล้วค่ะคุณ{name} คำสั่งซื้อ {order}[\nขนส่ง: {carrier}][\nเลขพัสดุ: {tracking}]"
    "[\nติดตามพัสดุ: {track_link}][\n{link}]",
    E.OUT_FOR_DELIVERY: "วันนี้พัสดุของคำสั่งซื้อ {order} กำลังออกนำจ่ายค่ะ[\nเลขพัสดุ: {tracking}]\nรบกวนรอรับสายจากขนส่งด้วยนะคะ",
    E.PROBLEM: "คุณ{name}คะ ขนส่งยังนำจ่ายพัสดุของคำสั่งซื้อ {order} ไม่สำเร็จค่ะ[\nสาเหตุ: {reason}][\nเลขพัสดุ: {tracking}]"
    "\nรบกวนตอบกลับเบอร์โทรและที่อยู่ที่สะดวกรับด้วยนะคะ",
    E.DELIVERED: "พัสดุของคำสั่งซื้อ {order} ถึงผู้รับแล้วค่ะ[\nเลขพัสดุ: {tracking}]\nขอบคุณที่อุดหนุน {shop} นะคะ",
    E.RETURN_RECEIVED: "ทางร้านได้รับสินค้าคืนของคำสั่งซื้อ {order}[ (ใบคืน {return_no})] แล้วค่ะ กำลังตรวจสอบสินค้านะคะ",
    E.REFUNDED: "โอนเงินคืน {amount} บาท ของคำสั่งซื้อ {order} แล้วค่ะ[\nเข้าบัญชี {refund_to}]\nรบกวนตรวจสอบยอดด้วยนะคะ",
    E.CORRECTION: "ขอแจ้งเลขพัสดุของคำสั่งซื้อ {order} ใหม่ค่ะ[\nขนส่ง: {carrier}]\nเลขพัสดุ: {tracking}"
    "[\nติดตามพัสดุ: {track_link}]\nโปรดใช้เลขนี้แทนเลขเดิม ขออภัยด้วยนะคะ",
}
_CHAT_EN: Mapping[Event, str] = {
    E.RECEIVED: "Hello {name}, {shop} has received your order {order}.\n{items}\nTotal {total} baht"
    "\nWe will confirm it shortly.[\nSee the order: {link}]",
    E.CONFIRMED: "Hello {name}, {shop} has confirmed your order {order}.\n{items}\nTotal {total} baht"
    "[\nTo transfer: {missing} baht][ by {pay_until}][\nPay to\n{accounts}]"
    "[\nSee the order and send your slip: {link}]",
    E.PAID: "We received your payment of {amount} baht for order {order}. Thank you, {name}."
    "[\nStill to pay: {missing} baht][\n{link}]",
    E.SLIP_REJECTED: "{name}, we could not accept the slip for order {order}.[\nReason: {reason}]"
    "[\nTo transfer: {missing} baht]\nPlease check it and send the slip again.[\n{link}]",
    E.REMINDER: "{name}, order {order} is waiting for your payment[ of {missing} baht].[\nPlease pay by {pay_until}]"
    "[\nPay to\n{accounts}]\nIf you have paid already, please send us the slip.[\n{link}]",
    E.PACKED: "Order {order} is packed and waits for the carrier.",
    E.SHIPPED: "{name}, order {order} is on its way.[\nCarrier: {carrier}][\nTracking number: {tracking}]"
    "[\nTrack it: {track_link}][\n{link}]",
    E.OUT_FOR_DELIVERY: "The parcel of order {order} is out for delivery today.[\nTracking number: {tracking}]"
    "\nPlease keep your phone at hand.",
    E.PROBLEM: "{name}, the carrier could not deliver the parcel of order {order}.[\nReason: {reason}]"
    "[\nTracking number: {tracking}]\nPlease answer with the phone number and address that suit you.",
    E.DELIVERED: "The parcel of order {order} has arrived.[\nTracking number: {tracking}]\nThank you from {shop}.",
    E.RETURN_RECEIVED: "The goods you sent back of order {order}[ (return {return_no})] have arrived. "
    "We are checking them.",
    E.REFUNDED: "We have refunded {amount} baht of order {order}.[\nTo account {refund_to}]\nPlease check it.",
    E.CORRECTION: "The tracking number of order {order} has changed.[\nCarrier: {carrier}]\nTracking number: {tracking}"
    "[\nTrack it: {track_link}]\nPlease use this one instead of the earlier one. We are sorry.",
}
_SMS_TH: Mapping[Event, str] = {
    E.RECEIVED: "{shop}: รับคำสั่งซื้อ {order} แล้ว รอร้านยืนยันค่ะ",
    E.CONFIRMED: "{shop}: ยืนยันคำสั่งซื้อ {order} แล้ว[ ยอดโอน {missing}บ.][ {link}]",
    E.PAID: "{shop}: รับเงิน {amount}บ. ของ {order} แล้ว ขอบคุณค่ะ",
    E.SLIP_REJECTED: "{shop}: สลิปของ {order} ไม่ผ่าน กรุณาส่งใหม่[ {link}]",
    E.REMINDER: "{shop}: {order} รอโอน[ {missing}บ.][ {link}]",
    E.PACKED: "{shop}: {order} แพ็กแล้ว รอขนส่งค่ะ",
    E.SHIPPED: "{shop}: ส่ง {order} แล้ว[ {carrier}][ {tracking}]",
    E.OUT_FOR_DELIVERY: "{shop}: {order} ออกนำจ่ายวันนี้[ {tracking}]",
    E.PROBLEM: "{shop}: ขนส่งนำจ่าย {order} ไม่สำเร็จ กรุณาติดต่อร้าน",
    E.DELIVERED: "{shop}: {order} ถึงผู้รับแล้ว ขอบคุณค่ะ",
    E.RETURN_RECEIVED: "{shop}: ได้รับสินค้าคืนของ {order} แล้ว",
    E.REFUNDED: "{shop}: คืนเงิน {amount}บ. ของ {order} แล้ว",
    E.CORRECTION: "{shop}: เลขพัสดุใหม่ของ {order} คือ {tracking}",
}
_SMS_EN: Mapping[Event, str] = {
    E.RECEIVED: "{shop}: order {order} received. We will confirm it shortly.",
    E.CONFIRMED: "{shop}: order {order} confirmed.[ To pay {missing} baht.][ {link}]",
    E.PAID: "{shop}: {amount} baht received for {order}. Thank you.",
    E.SLIP_REJECTED: "{shop}: the slip for {order} was not accepted. Please send it again.[ {link}]",
    E.REMINDER: "{shop}: {order} waits for your payment[ of {missing} baht].[ {link}]",
    E.PACKED: "{shop}: {order} is packed.",
    E.SHIPPED: "{shop}: {order} is on its way.[ {carrier}][ {tracking}]",
    E.OUT_FOR_DELIVERY: "{shop}: {order} is out for delivery today.[ {tracking}]",
    E.PROBLEM: "{shop}: {order} could not be delivered. Please contact us.",
    E.DELIVERED: "{shop}: {order} has arrived. Thank you.",
    E.RETURN_RECEIVED: "{shop}: your return of {order} has arrived.",
    E.REFUNDED: "{shop}: {amount} baht of {order} refunded.",
    E.CORRECTION: "{shop}: new tracking number of {order}: {tracking}",
}
_SUBJECT_TH: Mapping[Event, str] = {
    E.RECEIVED: "{shop}: ได้รับคำสั่งซื้อ {order}",
    E.CONFIRMED: "{shop}: ยืนยันคำสั่งซื้อ {order}",
    E.PAID: "{shop}: ได้รับชำระเงินของ {order}",
    E.SLIP_REJECTED: "{shop}: สลิปของ {order} ยังไม่ผ่าน",
    E.REMINDER: "{shop}: {order} รอชำระเงิน",
    E.PACKED: "{shop}: แพ็ก {order} แล้ว",
    E.SHIPPED: "{shop}: ส่ง {order} แล้ว[ เลขพัสดุ {tracking}]",
    E.OUT_FOR_DELIVERY: "{shop}: {order} ออกนำจ่ายวันนี้",
    E.PROBLEM: "{shop}: นำจ่าย {order} ไม่สำเร็จ",
    E.DELIVERED: "{shop}: {order} ถึงผู้รับแล้ว",
    E.RETURN_RECEIVED: "{shop}: ได้รับสินค้าคืนของ {order}",
    E.REFUNDED: "{shop}: คืนเงินของ {order} แล้ว",
    E.CORRECTION: "{shop}: เลขพัสดุใหม่ของ {order}",
}
_SUBJECT_EN: Mapping[Event, str] = {
    E.RECEIVED: "{shop}: order {order} received",
    E.CONFIRMED: "{shop}: order {order} confirmed",
    E.PAID: "{shop}: payment for {order} received",
    E.SLIP_REJECTED: "{shop}: the slip for {order} was not accepted",
    E.REMINDER: "{shop}: {order} waits for your payment",
    E.PACKED: "{shop}: {order} is packed",
    E.SHIPPED: "{shop}: {order} is on its way[ ({tracking})]",
    E.OUT_FOR_DELIVERY: "{shop}: {order} is out for delivery",
    E.PROBLEM: "{shop}: {order} could not be delivered",
    E.DELIVERED: "{shop}: {order} has arrived",
    E.RETURN_RECEIVED: "{shop}: your return of {order} has arrived",
    E.REFUNDED: "{shop}: refund for {order}",
    E.CORRECTION: "{shop}: new tracking number of {order}",
}

BODIES: Mapping[tuple[Form, str], Mapping[Event, str]] = {
    (Form.CHAT, "th"): _CHAT_TH, (Form.CHAT, "en"): _CHAT_EN,
    (Form.SMS, "th"): _SMS_TH, (Form.SMS, "en"): _SMS_EN,
    (Form.EMAIL, "th"): _CHAT_TH, (Form.EMAIL, "en"): _CHAT_EN,
}  # fmt: skip
SUBJECTS: Mapping[str, Mapping[Event, str]] = {"th": _SUBJECT_TH, "en": _SUBJECT_EN}


def usual_body(event: Event, form: Form, language: str) -> str:
    """The words of a message nobody has rewritten."""
    return BODIES[form, language][event]


def usual_subject(event: Event, form: Form, language: str) -> str:
    """The subject of an e-mail nobody has rewritten; "" where there are no subjects."""
    return SUBJECTS[language][event] if form is Form.EMAIL else ""


_REASONS_TH: Mapping[str, str] = {
    "The money did not arrive": "ยังไม่พบยอดเงินเข้าบัญชี",
    "Not our account": "โอนเข้าบัญชีที่ไม่ใช่ของร้าน",
    "The amount is wrong": "ยอดเงินไม่ตรงกับคำสั่งซื้อ",
    "The picture cannot be read": "รูปสลิปไม่ชัด อ่านไม่ได้",
    "Not a genuine slip": "รูปที่ส่งมาไม่ใช่สลิปโอนเงินที่ใช้ได้",
}


def reason_words(reason: str, language: str) -> str:
    """Why a slip was turned down, for the buyer; what staff wrote stays as it is."""
    return _REASONS_TH.get(reason, reason) if language == "th" else reason
