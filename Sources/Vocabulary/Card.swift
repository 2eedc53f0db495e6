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
    /// Words for the values 0, 1, ... of an argument that is one of them; empty: it is a number.
    public let choices: [String]
    /// 0 says that there is none, whatever the bounds.
    public let isOptional: Bool
    /// What is usual over some directions, by their names, where the default does not suit them.
    public let usual: KeyValuePairs<String, Double>

    public init(
      _ name: String, _ fallback: Double?, _ bounds: Bounds, _ meaning: String,
      usual: KeyValuePairs<String, Double> = [:], family: Hyperparameter? = nil, learned: Bounds? = nil
    ) {
      (self.name, self.default, self.bounds, self.meaning) = (name, fallback, bounds, meaning)
      (choices, isOptional, self.usual) = ([], false, usual)
      (self.family, self.learned) = (family, learned ?? bounds)
    }

    /// None where it is not given, or where that is said of one with a default.
    public init(_ name: String, optional bounds: Bounds, default fallback: Double = 0, _ meaning: String) {
      (self.name, self.default, self.bounds, self.meaning) = (name, fallback, bounds, meaning)
      (choices, isOptional, usual, family, learned) = ([], true, [:], nil, bounds)
    }

    /// One of the cases of an enumeration, by name; its first where it is not given.
    public init<C: Choice>(_ name: String, _: C.Type, _ meaning: String) {
      (self.name, self.default, self.meaning) = (name, 0, meaning)
      choices = C.allCases.map { "\($0)" }
      bounds = .whole(0, Double(choices.count - 1))
      (isOptional, usual, family, learned) = (false, [:], nil, bounds)
    }

    /// What was given, or the default, within the bounds; `owner` for messages. A choice is given as its word, or as its
    /// place among them.
    public func read(_ attributes: Attributes, _ owner: String) throws -> Double {
      if case .text(let word) = attributes.values[name], !choices.isEmpty {
        guard let place = choices.firstIndex(of: word) else { throw refusal(owner, "'\(word)'") }
        return Double(place)
      }
      let value = try attributes.number(name, default: self.default)
      guard bounds.contains(value) || (isOptional && value == 0) else { throw refusal(owner, "\(value)") }
      return value
    }

    private func refusal(_ owner: String, _ got: String) -> Failure {
      .value("\(owner): \(name) must be \(allowed), got \(got)")
    }

    /// The bounds, or the words, as a text.
    public var allowed: String {
      guard let last = choices.last else { return "\(bounds)" }
      return choices.dropLast().map { "'\($0)'" }.joined(separator: ", ") + " or '\(last)'"
    }
  }

  public let name: String
  public let title: String
  /// One sentence, then the rule and what else a user must know, in paragraphs.
  public let about: String
  public let paper: String
  public let arguments: [Argument]
  /// What the method needs beyond the gradient; for display.
  public let cost: String

  public init(
    _ name: String, title: String, about: String = "", paper: String, cost: String, arguments: [Argument]
  ) {
    self.name = name
    self.title = title
    self.about = about
    self.paper = paper
    self.cost = cost
    self.arguments = arguments
  }

  /// Every argument, given or by default, within its bounds.
  public func read(_ attributes: Attributes) throws -> Settings {
    try attributes.allow(arguments.map(\.name))
    var values: [String: Double] = [:]
    for argument in arguments { values[argument.name] = try argument.read(attributes, title) }
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
  /// The case that an argument is.
  public func choice<C: Choice>(_ name: String) -> C { Array(C.allCases)[Int(self[name])] }
}

/// What an argument may be, by the names of the cases.
public protocol Choice: CaseIterable, Sendable {}
