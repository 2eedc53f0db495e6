import Kernels

/// A direction of descent: an update rule, the arguments it takes, and what its constants are at a step.
public protocol Direction: Sendable {
  static var card: Card { get }
  /// Names of the state vectors, at most two.
  var slots: [String] { get }
  /// What each state vector is filled with at first.
  var initialState: [Double] { get }
  init(_ settings: Settings) throws
  func kernels(_ dtype: DType) -> RuleKernels
  /// The constants of step t, counted from 1.
  func hyper(_ t: Int) -> HyperValues
}

extension Direction {
  public var initialState: [Double] { slots.map { _ in 0 } }
}

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
