"""The part of Vendure's admin schema that an order management needs, as version 3.7 has it."""

from __future__ import annotations

from graphql import build_schema

SCHEMA = build_schema("""
scalar DateTime
scalar Money

type Channel { code: String! defaultCurrencyCode: String! }
type Customer { id: ID! firstName: String! lastName: String! phoneNumber: String emailAddress: String! }
type OrderAddress {
  fullName: String company: String streetLine1: String streetLine2: String city: String province: String
  postalCode: String countryCode: String phoneNumber: String
}
type StockLevel { stockOnHand: Int! stockAllocated: Int! }
type ProductVariant {
  id: ID! sku: String! name: String! trackInventory: String! outOfStockThreshold: Int!
  useGlobalOutOfStockThreshold: Boolean! stockLevels: [StockLevel!]!
}
type ProductVariantList { items: [ProductVariant!]! totalItems: Int! }
type OrderLine {
  id: ID! quantity: Int! orderPlacedQuantity: Int! unitPriceWithTax: Money! linePriceWithTax: Money!
  proratedLinePriceWithTax: Money! productVariant: ProductVariant!
}
type Surcharge { description: String! priceWithTax: Money! }
type Payment { id: ID! method: String! amount: Money! state: String! createdAt: DateTime! }
type FulfillmentLine { orderLineId: ID! quantity: Int! }
type Order {
  id: ID! code: String! type: String! state: String! active: Boolean! orderPlacedAt: DateTime createdAt: DateTime!
  updatedAt: DateTime! currencyCode: String! totalWithTax: Money! shippingWithTax: Money! couponCodes: [String!]!
  customer: Customer shippingAddress: OrderAddress lines: [OrderLine!]! surcharges: [Surcharge!]!
  payments: [Payment!] fulfillments: [Fulfillment!]
}
type OrderList { items: [Order!]! totalItems: Int! }
type Fulfillment {
  id: ID! state: String! method: String! trackingCode: String! createdAt: DateTime! lines: [FulfillmentLine!]!
}

interface ErrorResult { errorCode: String! message: String! }
type ItemsAlreadyFulfilledError implements ErrorResult { errorCode: String! message: String! }
type InvalidFulfillmentHandlerError implements ErrorResult { errorCode: String! message: String! }
type FulfillmentStateTransitionError implements ErrorResult { errorCode: String! message: String! }
type EmptyOrderLineSelectionError implements ErrorResult { errorCode: String! message: String! }
union AddFulfillmentToOrderResult = Fulfillment | ItemsAlreadyFulfilledError | InvalidFulfillmentHandlerError
union TransitionFulfillmentToStateResult = Fulfillment | FulfillmentStateTransitionError
union CancelOrderResult = Order | EmptyOrderLineSelectionError

enum SortOrder { ASC DESC }
input DateRange { start: DateTime! end: DateTime! }
input DateOperators { eq: DateTime before: DateTime after: DateTime between: DateRange isNull: Boolean }
input StringOperators { eq: String notEq: String contains: String in: [String!] }
input BooleanOperators { eq: Boolean }
input IDOperators { eq: String in: [String!] }
input OrderFilterParameter {
  orderPlacedAt: DateOperators updatedAt: DateOperators createdAt: DateOperators code: StringOperators
  state: StringOperators active: BooleanOperators _and: [OrderFilterParameter!] _or: [OrderFilterParameter!]
}
input OrderSortParameter { orderPlacedAt: SortOrder id: SortOrder }
input OrderListOptions { skip: Int take: Int sort: OrderSortParameter filter: OrderFilterParameter }
input ProductVariantFilterParameter { id: IDOperators sku: StringOperators }
input ProductVariantSortParameter { id: SortOrder }
input ProductVariantListOptions {
  skip: Int take: Int sort: ProductVariantSortParameter filter: ProductVariantFilterParameter
}

type Query {
  activeChannel: Channel!
  orders(options: OrderListOptions): OrderList!
  productVariants(options: ProductVariantListOptions): ProductVariantList!
}

enum GlobalFlag { TRUE FALSE INHERIT }
input UpdateProductVariantInput { id: ID! stockOnHand: Int trackInventory: GlobalFlag }
input OrderLineInput { orderLineId: ID! quantity: Int! }
input ConfigArgInput { name: String! value: String! }
input ConfigurableOperationInput { code: String! arguments: [ConfigArgInput!]! }
input FulfillOrderInput { lines: [OrderLineInput!]! handler: ConfigurableOperationInput! }
input CancelOrderInput { orderId: ID! lines: [OrderLineInput!] reason: String cancelShipping: Boolean }
type Mutation {
  updateProductVariants(input: [UpdateProductVariantInput!]!): [ProductVariant]!
  addFulfillmentToOrder(input: FulfillOrderInput!): AddFulfillmentToOrderResult!
  transitionFulfillmentToState(id: ID!, state: String!): TransitionFulfillmentToStateResult!
  cancelOrder(input: CancelOrderInput!): CancelOrderResult!
}
""")  # fmt: skip
