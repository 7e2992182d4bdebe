"""The part of Shopify's schema that an order management needs, as its documentation names it."""

from __future__ import annotations

from graphql import build_schema

SCHEMA = build_schema("""
directive @idempotent(key: String!) on FIELD

type PageInfo { hasNextPage: Boolean! endCursor: String }
type MoneyV2 { amount: String! currencyCode: String! }
type MoneyBag { shopMoney: MoneyV2! }
type Shop { name: String! currencyCode: String! }
type UserError { field: [String!] message: String! }
type CodedError { code: String field: [String!] message: String! }

interface Node { id: ID! }
type Customer { id: ID! }
type Address {
  name: String company: String address1: String address2: String city: String province: String provinceCode: String
  zip: String phone: String
}
type TaxLine { priceSet: MoneyBag! }
type Allocation { allocatedAmountSet: MoneyBag! }
type LineItem {
  id: ID! sku: String title: String! variantTitle: String quantity: Int! currentQuantity: Int!
  originalUnitPriceSet: MoneyBag! discountAllocations: [Allocation!]! taxLines: [TaxLine!]!
}
type LineItemConnection { pageInfo: PageInfo! nodes: [LineItem!]! }
type ShippingLine { discountedPriceSet: MoneyBag! taxLines: [TaxLine!]! }
type ShippingLineConnection { nodes: [ShippingLine!]! }
type Tracking { company: String number: String url: String }
type Fulfillment { id: ID! status: String! displayStatus: String createdAt: String! trackingInfo: [Tracking!]! }
type Transaction { kind: String! status: String! processedAt: String }
type Location implements Node { id: ID! }
type LocationConnection { nodes: [Location!]! }
type AssignedLocation { location: Location }
type FulfillmentOrderLine { id: ID! remainingQuantity: Int! lineItem: LineItem! }
type FulfillmentOrderLineConnection { pageInfo: PageInfo! nodes: [FulfillmentOrderLine!]! }
type FulfillmentOrder {
  id: ID! status: String! assignedLocation: AssignedLocation!
  lineItems(first: Int!): FulfillmentOrderLineConnection!
}
type FulfillmentOrderConnection { pageInfo: PageInfo! nodes: [FulfillmentOrder!]! }
interface ReturnLineItemType { quantity: Int! }
type FulfillmentLine { lineItem: LineItem! }
type ReturnLineItem implements ReturnLineItemType {
  quantity: Int! returnReasonNote: String! fulfillmentLineItem: FulfillmentLine!
}
type ReturnLineItemTypeConnection { nodes: [ReturnLineItemType!]! }
type Refund { totalRefundedSet: MoneyBag! }
type RefundConnection { nodes: [Refund!]! }
type Return {
  id: ID! status: String! refunds(first: Int!): RefundConnection!
  returnLineItems(first: Int!): ReturnLineItemTypeConnection!
}
type ReturnConnection { nodes: [Return!]! }
type Order implements Node {
  id: ID! name: String! createdAt: String! updatedAt: String! cancelledAt: String cancelReason: String
  currencyCode: String! taxesIncluded: Boolean! note: String phone: String paymentGatewayNames: [String!]!
  displayFinancialStatus: String displayFulfillmentStatus: String!
  currentTotalPriceSet: MoneyBag! totalPriceSet: MoneyBag! customer: Customer shippingAddress: Address
  shippingLines(first: Int!): ShippingLineConnection! fulfillments(first: Int): [Fulfillment!]!
  transactions(first: Int): [Transaction!]! lineItems(first: Int!, after: String): LineItemConnection!
  fulfillmentOrders(first: Int!, after: String): FulfillmentOrderConnection! returns(first: Int!): ReturnConnection!
}
type OrderConnection { pageInfo: PageInfo! nodes: [Order!]! }
type Count { count: Int! precision: String! }
type Quantity { name: String! quantity: Int! }
type InventoryLevel { quantities(names: [String!]!): [Quantity!]! }
type InventoryItem implements Node { id: ID! tracked: Boolean! inventoryLevel(locationId: ID!): InventoryLevel }
type ProductVariant { id: ID! sku: String displayName: String! inventoryItem: InventoryItem! }
type ProductVariantConnection { pageInfo: PageInfo! nodes: [ProductVariant!]! }
enum OrderSortKeys { CREATED_AT UPDATED_AT ID }

type Query {
  shop: Shop!
  nodes(ids: [ID!]!): [Node]!
  order(id: ID!): Order
  orders(first: Int!, after: String, sortKey: OrderSortKeys, query: String): OrderConnection!
  ordersCount(query: String): Count
  locations(first: Int!): LocationConnection!
  productVariants(first: Int!, after: String): ProductVariantConnection!
}

input InventoryQuantityInput { inventoryItemId: ID! locationId: ID! quantity: Int! changeFromQuantity: Int }
input InventorySetQuantitiesInput {
  name: String! reason: String! referenceDocumentUri: String quantities: [InventoryQuantityInput!]!
}
input FulfillmentOrderLineItemInput { id: ID! quantity: Int! }
input FulfillmentOrderLineItemsInput {
  fulfillmentOrderId: ID! fulfillmentOrderLineItems: [FulfillmentOrderLineItemInput!]
}
input FulfillmentTrackingInput { company: String number: String url: String }
input FulfillmentInput {
  lineItemsByFulfillmentOrder: [FulfillmentOrderLineItemsInput!]! notifyCustomer: Boolean
  trackingInfo: FulfillmentTrackingInput
}
enum OrderCancelReason { CUSTOMER DECLINED FRAUD INVENTORY OTHER STAFF }
input OrderCancelRefundMethodInput { originalPaymentMethodsRefund: Boolean }
type InventorySetQuantitiesPayload { userErrors: [CodedError!]! }
type FulfillmentCreatePayload { fulfillment: Fulfillment userErrors: [UserError!]! }
type Job { id: ID! done: Boolean! }
type OrderCancelPayload { job: Job orderCancelUserErrors: [CodedError!]! }
type Mutation {
  inventorySetQuantities(input: InventorySetQuantitiesInput!): InventorySetQuantitiesPayload
  fulfillmentCreate(fulfillment: FulfillmentInput!): FulfillmentCreatePayload
  orderCancel(
    orderId: ID!, reason: OrderCancelReason!, restock: Boolean!, notifyCustomer: Boolean, staffNote: String,
    refundMethod: OrderCancelRefundMethodInput!
  ): OrderCancelPayload
}
""")  # fmt: skip
