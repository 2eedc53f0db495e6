import Vocabulary

/// A rate that searches set, constant in between: ALRS repeated during training. Searches need the model and its data
/// and are made outside, where `every`, `start` and `maxEpochs` are read; the machine keeps what they found.
public struct PeriodicALRS: RateMachine {
  public static let card = Card(
    "periodic_alrs", title: "PeriodicALRS",
    about: """
      `find_lr` before epoch 0 of `fit` and after every `every` epochs; a constant rate in between.

      A search is made at the model's present state with the optimizer's own direction, whose vectors start anew for it,
      without clipping, guard and schedule; the training goes on with its own. Model, batch statistics, optimizer state
      and random state are left as they were, and the batches are those of `fit` in an order of their own, from
      (seed + epoch).
      """,
    paper: "the ALRS paper, which searches once and names the repetition as future work",
    cost:
      "nothing; a search: a forward and a backward pass per batch, at most 200 of them by trials, about 40 "
      + "signals of a window (a 50th of an epoch) each by signs, and two copies of the parameters beside the "
      + "direction's own vectors",
    arguments: [
      .init("every", 1, .count, "epochs from one search to the next"),
      .init("fraction", 0.1, .positive, "of the value found: the rate"),
      .init(
        "start", optional: .positive, "first value of each search; none: the one found before, at first 1"),
      .init(
        "initial", optional: .positive,
        "rate before the first search; none: a loop of one's own must call `search` before the first step"),
      .init("max_epochs", 5, .count, "passes over the data that a search by signs may take"),
      .init(
        "rule", Rule.self, "how a search finds: by trials, short training runs, or by signs, as the paper's"),
    ])
  enum Rule: Choice { case trials, signs }
  public static let firstRate: String? = "start"

  private let fraction: Double
  private let limits: RateLimits
  /// NaN while there is none.
  private var rate: Double
  /// Where the last search ended; NaN before any.
  public private(set) var found = Double.nan

  public init(_ settings: Settings, limits: RateLimits) throws {
    fraction = settings["fraction"]
    self.limits = limits
    let initial = settings["initial"]
    rate = initial > 0 ? limits.clamp(initial) : .nan
  }

  /// The end of a search.
  public mutating func set(found value: Double) throws {
    guard Bounds.positive.contains(value) else {
      throw Failure.value("\(Self.card.title): found must be \(Bounds.positive), got \(value)")
    }
    found = value
    rate = limits.clamp(fraction * value)
  }

  public func check(loss: Double) throws {
    guard rate.isNaN else { return }
    throw Failure.type(
      "\(Self.card.title): no rate was found yet: train with fit, which searches for it, or call "
        + "rate.search(optimizer, model, loss, data) before the first step, or give it an initial rate")
  }

  public mutating func decide(_ step: StepView) -> Decision { rate.isNaN ? .stay : .take(rate) }

  public var currentRate: Double { rate.isNaN ? 0 : rate }

  public var state: [(name: String, value: Double)] { [("rate", rate), ("found", found)] }
  public mutating func restore(_ state: [String: Double]) {
    rate = state["rate"] ?? rate
    found = state["found"] ?? found
  }
}
