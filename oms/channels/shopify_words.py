"""What Shopify is asked, in its own language. The counts keep each question below a thousand points of cost."""

from __future__ import annotations

ORDERS, LINES, NUMBERS, VARIANTS, RETURNED = 4, 15, 250, 50, 5

_MONEY = "{ shopMoney { amount } }"

_LINE = f"""
fragment Line on LineItem {{
  id sku title variantTitle quantity currentQuantity
  originalUnitPriceSet {_MONEY}
  discountAllocations {{ allocatedAmountSet {_MONEY} }}
  taxLines {{ priceSet {_MONEY} }}
}}
"""

_ORDER = f"""
fragment Whole on Order {{
  id name createdAt updatedAt cancelledAt cancelReason currencyCode taxesIncluded note paymentGatewayNames phone
  displayFinancialStatus displayFulfillmentStatus
  currentTotalPriceSet {_MONEY}
  totalPriceSet {_MONEY}
  customer {{ id }}
  shippingAddress {{ name company address1 address2 city province provinceCode zip phone }}
  shippingLines(first: 3) {{ nodes {{ discountedPriceSet {_MONEY} taxLines {{ priceSet {_MONEY} }} }} }}
  fulfillments(first: 5) {{ status displayStatus createdAt trackingInfo {{ company number url }} }}
  transactions(first: 5) {{ kind status processedAt }}
  lineItems(first: {LINES}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ ...Line }} }}
}}
{_LINE}
"""

SHOP = "{ shop { name currencyCode } }"

CHANGED = f"""
query($query: String!, $after: String) {{
  orders(first: {ORDERS}, after: $after, sortKey: UPDATED_AT, query: $query) {{
    pageInfo {{ hasNextPage endCursor }} nodes {{ ...Whole }}
  }}
}}
{_ORDER}
"""

SOME = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Order {{ ...Whole }} }} }}\n{_ORDER}"

MORE_LINES = f"""
query($id: ID!, $after: String) {{
  order(id: $id) {{
    lineItems(first: 50, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ ...Line }} }}
  }}
}}
{_LINE}
"""

PLACED = f"""
query($query: String!, $after: String) {{
  orders(first: {NUMBERS}, after: $after, sortKey: CREATED_AT, query: $query) {{
    pageInfo {{ hasNextPage endCursor }} nodes {{ id createdAt }}
  }}
  ordersCount(query: $query) {{ count precision }}
}}
"""

LOCATION = "{ locations(first: 1) { nodes { id } } }"

ON_SALE = f"""
query($after: String, $location: ID!) {{
  productVariants(first: {VARIANTS}, after: $after) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{
      sku displayName
      inventoryItem {{
        id tracked inventoryLevel(locationId: $location) {{ quantities(names: ["available"]) {{ name quantity }} }}
      }}
    }}
  }}
}}
"""

SET_STOCK = """
mutation($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code field message } }
}
"""

TO_SEND = """
query($id: ID!, $after: String) {
  order(id: $id) {
    id cancelledAt displayFulfillmentStatus
    fulfillments(first: 20) { status trackingInfo { number } }
    fulfillmentOrders(first: 4, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id status assignedLocation { location { id } }
        lineItems(first: 50) { pageInfo { hasNextPage endCursor } nodes { id remainingQuantity lineItem { id } } }
      }
    }
  }
}
"""

SEND = """
mutation($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id status } userErrors { field message } }
}
"""

CANCEL = """
mutation($id: ID!, $reason: OrderCancelReason!, $note: String) {
  orderCancel(
    orderId: $id, reason: $reason, restock: true, notifyCustomer: false, staffNote: $note,
    refundMethod: {originalPaymentMethodsRefund: false}
  ) { job { id done } orderCancelUserErrors { code field message } }
}
"""

GIVEN_BACK = f"""
query($query: String!, $after: String) {{
  orders(first: {RETURNED}, after: $after, sortKey: UPDATED_AT, query: $query) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{
      id updatedAt
      returns(first: 3) {{
        nodes {{
          id status
          refunds(first: 2) {{ nodes {{ totalRefundedSet {_MONEY} }} }}
          returnLineItems(first: 10) {{
            nodes {{
              quantity ... on ReturnLineItem {{ returnReasonNote fulfillmentLineItem {{ lineItem {{ id sku }} }} }}
            }}
          }}
        }}
      }}
    }}
  }}
}}
"""
