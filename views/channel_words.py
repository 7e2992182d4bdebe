"""Where the keys of each channel come from, for the form they are entered in."""

from __future__ import annotations

KEYS_LABELS: dict[str, str] = {
    "shopee": "Both keys are those of your app on the Shopee Open Platform. Let this server's address be white-listed "
    "there. After saving you log in as the seller and let Ruam in.",
    "lazada": "Both keys are those of your app on the Lazada Open Platform. After saving you log in as the seller and "
    "let Ruam in.",
    "tiktok": "Both keys are those of your app on the TikTok Shop Partner Center. After saving you log in as the "
    "seller and let Ruam in.",
    "line_shopping": "The key is made in MyShop, in the settings of the shop. It is tried as soon as you save.",
    "woocommerce": "Make a key that may read and write in WooCommerce, under Settings › Advanced › REST API. It is "
    "tried as soon as you save.",
    "shopify": "Make an app of your own in the shop's admin and copy its access token, shown only once. It is tried as "
    "soon as you save.",
    "shopify_app": "Client id and secret are those of your app. After saving you log in as the owner and let Ruam in.",
    "vendure": "Copy a token of a person who may see and change orders. It is tried as soon as you save.",
    "medusa": "Make a secret key (sk_…) in the shop's admin; it is shown only once. It is tried as soon as you save.",
    "inbound": "For a web shop that sends its orders itself. Choose a long secret; the shop signs every message with "
    "it. After saving you see the address to send to.",
}
