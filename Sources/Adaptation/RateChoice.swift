import Vocabulary

/// Which parameters share a rate.
public enum Scope: Int, CaseIterable, Sendable {
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

  private static let commonArguments = ["min_lr", "max_lr", "scope", "steps_per_epoch"]

  public init(_ name: String, _ given: Attributes) throws {
    type = try RateCatalogue.find(name)
    schedule = try ScheduleCatalogue.read(given)
    let arguments = ScheduleCatalogue.remaining(given)
    let card = type.card
    try arguments.allow(card.arguments.map(\.name) + Self.commonArguments)
    let own = arguments.values.filter { !Self.commonArguments.contains($0.key) }
    settings = try card.read(Attributes(card.title, own))
    limits = try RateLimits(
      low: arguments.number("min_lr", default: type.lowestRate),
      high: arguments.number("max_lr", default: .infinity))
    guard let scope = Scope(rawValue: try arguments.integer("scope", default: 0)) else {
      throw Failure.value("\(card.title): per must be 'all', 'group', 'tensor' or 'pooled'")
    }
    if scope != .all && type.probes {
      throw Failure.value(
        "\(card.title) evaluates the loss along one step for all parameters: per must be 'all'")
    }
    self.scope = scope
    stepsPerEpoch = try arguments.number("steps_per_epoch", default: 0)
    guard Bounds.countOrZero.contains(stepsPerEpoch) else {
      throw Failure.value("\(card.title): steps_per_epoch must be \(Bounds.count), got \(stepsPerEpoch)")
    }
    _ = try makeMachine()
  }

  public func makeMachine() throws -> any RateMachine { try type.init(settings, limits: limits) }

  /// The rate before any step, where the method has one.
  public var initialRate: Double { settings.values["rate"] ?? settings.values["initial"] ?? 0 }

  /// Steps per window: a number of steps, or a fraction of an epoch.
  public func windowLength(stepsPerEpoch: Double) throws -> Int {
    let steps = settings.values["window_steps"] ?? 0
    if steps >= 1 { return Int(steps) }
    let fraction = settings.values["window"] ?? 0
    guard stepsPerEpoch >= 1 else {
      throw Failure.value(
        "\(type.card.title): window=\(fraction) is a fraction of an epoch of unknown length; pass steps_per_epoch, an "
          + "integer window in steps, or use fit")
    }
    return max(1, Int(fraction * stepsPerEpoch))
  }
}
