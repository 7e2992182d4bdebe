"""What Vendure is asked, in its own language."""

from __future__ import annotations

CHANNEL = "{ activeChannel { code defaultCurrencyCode } }"

_ORDER = """
fragment Whole on Order {
  id code type state active orderPlacedAt createdAt updatedAt currencyCode
  totalWithTax shippingWithTax couponCodes
  customer { id firstName lastName phoneNumber emailAddress }
  shippingAddress { fullName company streetLine1 streetLine2 city province postalCode countryCode phoneNumber }
  lines {
    id quantity orderPlacedQuantity unitPriceWithTax linePriceWithTax proratedLinePriceWithTax
    productVariant { id sku name }
  }
  surcharges { description priceWithTax }
  payments { id method amount state createdAt }
  fulfillments { id state method trackingCode createdAt lines { orderLineId quantity } }
}
"""

ORDERS = (
    f"query($options: OrderListOptions) {{ orders(options: $options) {{ totalItems items {{ ...Whole }} }} }}\n{_ORDER}"
)

NUMBERS = "query($options: OrderListOptions) { orders(options: $options) { totalItems items { code orderPlacedAt } } }"

VARIANTS = """
query($options: ProductVariantListOptions) {
  productVariants(options: $options) {
    totalItems
    items {
      id sku name trackInventory outOfStockThreshold useGlobalOutOfStockThreshold
      stockLevels { stockOnHand stockAllocated }
    }
  }
}
"""

SET_STOCK = "mutation($input: [UpdateProductVariantInput!]!) { updateProductVariants(input: $input) { id } }"

_REFUSAL = "__typename ... on ErrorResult { errorCode message }"

SEND = f"""
mutation($input: FulfillOrderInput!) {{
  addFulfillmentToOrder(input: $input) {{ {_REFUSAL} ... on Fulfillment {{ id state trackingCode }} }}
}}
"""

MOVE = f"""
mutation($id: ID!, $state: String!) {{
  transitionFulfillmentToState(id: $id, state: $state) {{ {_REFUSAL} ... on Fulfillment {{ id state }} }}
}}
"""

CANCEL = f"""
mutation($input: CancelOrderInput!) {{ cancelOrder(input: $input) {{ {_REFUSAL} ... on Order {{ id state }} }} }}
"""
