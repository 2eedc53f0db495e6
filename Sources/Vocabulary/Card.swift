/// What a method is called, where it comes from, and what it can be told. Messages, documentation and the command line
/// learn of a method's arguments from its card alone.
public struct Card: Sendable {
  public struct Argument: Sendable {
    public let name: String
    /// nil: must be given.
    public let `default`: Double?
    public let bounds: Bounds
    public let meaning: String
    /// Whose values it takes where a whole run is differentiated; nil: it stays what it is.
    public let family: Hyperparameter?
    /// Bounds of these values, which may be wider: a derivative may well ask for a negative momentum.
    public let learned: Bounds

    public init(
      _ name: String, _ fallback: Double?, _ bounds: Bounds, _ meaning: String,
      family: Hyperparameter? = nil, learned: Bounds? = nil
    ) {
      self.name = name
      self.default = fallback
      self.bounds = bounds
      self.meaning = meaning
      self.family = family
      self.learned = learned ?? bounds
    }
  }

  public let name: String
  public let title: String
  public let paper: String
  public let arguments: [Argument]
  /// What the method needs beyond the gradient; for display.
  public let cost: String

  public init(_ name: String, title: String, paper: String, cost: String, arguments: [Argument]) {
    self.name = name
    self.title = title
    self.paper = paper
    self.cost = cost
    self.arguments = arguments
  }

  /// Every argument, given or by default, within its bounds.
  public func read(_ attributes: Attributes) throws -> Settings {
    try attributes.allow(arguments.map(\.name))
    var values: [String: Double] = [:]
    for argument in arguments {
      let value = try attributes.number(argument.name, default: argument.default)
      guard argument.bounds.contains(value) else {
        throw Failure.value("\(title): \(argument.name) must be \(argument.bounds), got \(value)")
      }
      values[argument.name] = value
    }
    return Settings(values: values)
  }
}

/// Argument values that were checked against a card.
public struct Settings: Sendable {
  public var values: [String: Double]
  /// Those that change during the run, or that it is differentiated by.
  public var varying: Set<String> = []
  public init(values: [String: Double]) { self.values = values }
  public subscript(_ name: String) -> Double { values[name]! }
  /// Whether what belongs to an argument is needed: at 0 throughout the run it is not.
  public func keeps(_ name: String) -> Bool { self[name] != 0 || varying.contains(name) }
}
