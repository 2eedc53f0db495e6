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
  /// The step on dual numbers; nil where it is not offered.
  func tangentKernels(_ dtype: DType) -> TangentKernels?
}

extension ConfiguredDirection {
  public var initialState: [Double] { slots.map { _ in 0 } }
  public func tangentKernels(_ dtype: DType) -> TangentKernels? { nil }
}

/// A kind of direction, and the arguments it takes.
public protocol Direction: ConfiguredDirection {
  static var card: Card { get }
  init(_ settings: Settings) throws
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
