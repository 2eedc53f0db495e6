import Vocabulary

/// Which parameters share a rate.
public enum Scope: Int, Choice {
  case all = 0
  case group = 1
  case tensor = 2
  /// A rate for each tensor, shrunk towards a rate of all.
  case pooled = 3
}

/// A method by name with its arguments, and what every method takes: bounds, who shares a rate, the steps of an epoch,
/// a schedule.
public struct RateChoice {
  public let type: any RateMachine.Type
  public let settings: Settings
  public let limits: RateLimits
  public let scope: Scope
  /// Multiplies every rate; nil where there is none.
  public let schedule: (any Schedule)?
  /// 0 where it was not given.
  public let stepsPerEpoch: Double
  /// What is remembered of past steps.
  public let memories: Set<Memory>
  /// Whether weight decay that is coupled with the gradient belongs to the loss that the rate sees.
  public let decayInLoss: Bool

  /// Arguments of every rate, which cards list as far as they mean something there.
  public static let sharing = Card.Argument(
    "per", Scope.self,
    "who shares a rate: all parameters, those of a group, or those of a tensor; pooled: a rate per tensor, shrunk towards "
      + "that of all by its measured noise")
  public static let stepsPerEpoch = Card.Argument(
    "steps_per_epoch", optional: .count, "steps of an epoch; none: what `fit` knows, else 500")

  public static let decayInLoss = Card.Argument(
    "decay_in_loss", 0, .flag,
    "coupled weight decay is a part of the loss that the rate sees, as it is of the gradient that is followed"
  )

  /// What every rate is told beside the arguments of its card.
  public static func common(_ type: any RateMachine.Type) -> [Card.Argument] {
    let limits = [
      Card.Argument("min_lr", type.lowestRate, .anyRate, "no rate is below it"),
      Card.Argument("max_lr", .infinity, .anyRate, "no rate is above it"),
    ]
    let counts = type.usesEpoch || !type.memories.isDisjoint(with: [.epochAverage, .window])
    let lists = type.card.arguments.contains { $0.name == stepsPerEpoch.name }
    let seen = type.needsLoss && !(type is any WholeMachine.Type) ? [decayInLoss] : []
    return (counts && !lists ? limits + [stepsPerEpoch] : limits) + seen
  }

  public init(_ name: String, _ given: Attributes) throws {
    type = try RateCatalogue.find(name)
    schedule = try ScheduleCatalogue.read(given)
    let arguments = ScheduleCatalogue.remaining(given)
    let card = type.card
    let own = card.arguments.map(\.name)
    let common = ["min_lr", "max_lr", Self.sharing.name, Self.stepsPerEpoch.name, Self.decayInLoss.name]
    try arguments.allow(own + common.filter { !own.contains($0) })
    settings = try card.read(Attributes(card.title, arguments.values.filter { own.contains($0.key) }))
    limits = try RateLimits(
      low: arguments.number("min_lr", default: type.lowestRate),
      high: arguments.number("max_lr", default: .infinity))
    scope = Scope.allCases[Int(try Self.sharing.read(arguments, card.title))]
    if scope != .all && type.probes {
      throw Failure.value(
        "\(card.title) evaluates the loss along one step for all parameters: per must be 'all'")
    }
    if scope != .all && type is any SearchingMachine.Type {
      throw Failure.value("\(card.title) searches for one rate for all parameters: per must be 'all'")
    }
    stepsPerEpoch = try Self.stepsPerEpoch.read(arguments, card.title)
    memories = type.memories.union(type.memories(settings))
    decayInLoss = try Self.decayInLoss.read(arguments, card.title) != 0
    if decayInLoss, !Self.common(type).contains(where: { $0.name == Self.decayInLoss.name }) {
      throw Failure.value(
        "\(card.title) sees no loss that weight decay could be a part of: decay_in_loss must be false")
    }
    if decayInLoss, scope != .all {
      throw Failure.value(
        "\(card.title): decay_in_loss adds up the decay of all parameters: per must be 'all'")
    }
    _ = try makeMachine()
  }

  public func makeMachine() throws -> any RateMachine { try type.init(settings, limits: limits) }

  /// The rate before any step, where the method has one.
  public var initialRate: Double { settings.values["rate"] ?? settings.values["initial"] ?? 0 }

  /// Steps that a window given as a fraction of an epoch has at least, where the direction's average keeps `kept` of itself
  /// at a step. Shorter ones share so much of it with the one before that they agree whatever the rate is, which
  /// then grows without end.
  public static func leastWindow(kept: Double) -> Int {
    // so that 3 / (1 - 0.9) is 30
    kept > 0 && kept < 1 ? Int((3 / (1 - kept) - 1e-9).rounded(.up)) : 1
  }

  /// Steps per window: a number of steps, or a fraction of an epoch; `kept` as in `leastWindow`.
  public func windowLength(stepsPerEpoch: Double, kept: Double = 0) throws -> Int {
    let steps = settings.values["window_steps"] ?? 0
    if steps >= 1 { return Int(steps) }
    let fraction = settings.values["window"] ?? 0
    guard stepsPerEpoch >= 1 else {
      throw Failure.value(
        "\(type.card.title): window=\(fraction) is a fraction of an epoch of unknown length; pass steps_per_epoch, an "
          + "integer window in steps, or use fit")
    }
    return max(Self.leastWindow(kept: kept), Int(fraction * stepsPerEpoch))
  }
}
