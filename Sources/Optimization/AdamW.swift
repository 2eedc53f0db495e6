import Vocabulary

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): the decay is taken off the parameters by the rate,
/// beside the step, and does not enter the moments.
public struct AdamW: Direction {
  public static let card = Card(
    "adamw", title: "AdamW", paper: "Loshchilov and Hutter 2019, arXiv 1711.05101", cost: "two vectors",
    arguments: Adam.card.arguments.dropLast() + [
      .init("weight_decay", 0.01, .notNegative, "decoupled weight decay")
    ])

  private let adam: Adam
  private let decay: Double

  public init(_ settings: Settings) throws {
    decay = settings["weight_decay"]
    var inner = settings
    inner.values["weight_decay"] = 0
    adam = try Adam(inner)
  }

  public var slots: [String] { adam.slots }

  public func kernels(_ dtype: DType) -> RuleKernels { adam.kernels(dtype) }

  public func hyper(_ t: Int) -> HyperValues {
    var h = adam.hyper(t)
    h.decoupledDecay = decay
    return h
  }
}
