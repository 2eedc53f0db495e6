import Kernels
import Vocabulary

/// A direction of descent with its arguments: an update rule, and what its constants are at a step.
public protocol ConfiguredDirection: Sendable {
  /// Names of the state vectors, at most two.
  var slots: [String] { get }
  /// What each state vector is filled with at first.
  var initialState: [Double] { get }
  func kernels(_ dtype: DType) -> RuleKernels
  /// The constants of step t, counted from 1.
  func hyper(_ t: Int) -> HyperValues
}

extension ConfiguredDirection {
  public var initialState: [Double] { slots.map { _ in 0 } }
}

/// A kind of direction, and the arguments it takes.
public protocol Direction: ConfiguredDirection {
  static var card: Card { get }
  /// Where the user gives none.
  static var usualRate: Double { get }
  /// Settings with a name of their own, under which runs are differentiated as well.
  static var variants: [Variant] { get }
  /// It is as long as the gradients are; others divide by what they have seen of them.
  static var isLinear: Bool { get }
  init(_ settings: Settings) throws
  /// As configured.
  var arguments: Arguments<Double> { get }
  /// The constants of step t, counted from 1, with these values of the arguments that have a family: numbers for
  /// training, duals for derivatives by them.
  func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L>

  // Requirements although all directions share them: only then are they compiled for each.
  func hyper(_ a: Arguments<Double>, _ t: Int) -> Hyper<Double>
  func hyper(_ a: Arguments<Dual<Double>>, _ t: Int) -> Hyper<Dual<Double>>
}

extension Direction {
  public static var variants: [Variant] { [] }
  public static var isLinear: Bool { false }
  public func hyper(_ t: Int) -> HyperValues { constants(arguments, t) }
  public func hyper(_ a: Arguments<Double>, _ t: Int) -> Hyper<Double> { constants(a, t) }
  public func hyper(_ a: Arguments<Dual<Double>>, _ t: Int) -> Hyper<Dual<Double>> { constants(a, t) }
}

public struct Variant: Sendable {
  public let name: String
  public let arguments: [String: Double]
}

/// What changes from step to step, by family: numbers, or numbers that carry a derivative.
public struct Arguments<L: Lane> {
  private var values: [L]

  init<Other>(_ other: Arguments<Other>, _ lane: (Other) -> L) { values = other.values.map(lane) }

  public subscript(_ family: Hyperparameter) -> L {
    get { values[family.rawValue] }
    set { values[family.rawValue] = newValue }
  }
}

extension Arguments<Double> {
  /// 0 where the card has no argument of a family.
  init(_ card: Card, _ settings: Settings) {
    values = Hyperparameter.allCases.map { family in
      card.arguments.first { $0.family == family }.map { settings[$0.name] } ?? 0
    }
  }
}

extension Arguments: Sendable where L: Sendable {}

/// The list of directions: one line each.
public enum DirectionCatalogue {
  public static let directions: [any Direction.Type] = [
    SGD.self,
    AveragedGradient.self,
    Adam.self,
    AdamW.self,
    RMSprop.self,
    Adagrad.self,
    Adadelta.self,
  ]

  public static func find(_ name: String) throws -> any Direction.Type {
    guard let direction = directions.first(where: { $0.card.name == name }) else {
      let known = directions.map { $0.card.name }.joined(separator: ", ")
      throw Failure.value("there is no direction '\(name)'; known: \(known)")
    }
    return direction
  }
}
