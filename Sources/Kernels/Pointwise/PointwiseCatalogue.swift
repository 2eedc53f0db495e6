import Vocabulary

/// The list of pointwise functions: one line each.
public enum PointwiseCatalogue {
  public static let functions: [CataloguedFunction] = [
    .init(Relu.self),
    .init(Tanh.self),
    .init(Sigmoid.self),
    .init(Gelu.self, single: GeluKernels.pointwise),
    .init(Exp.self),
    .init(Log.self),
    .init(SquareRoot.self),
    .init(Reciprocal.self),
    .init(Square.self),
    .init(Absolute.self),
    .init(Softplus.self),
    .init(Sine.self),
    .init(Cosine.self),
    .init(ErrorFunction.self),
    .init(Affine.self),
    .init(Power.self),
  ]
}

/// What an operation is made of.
public struct CataloguedFunction: Sendable {
  public let name: String
  public let constants: [PointwiseConstant]
  public let domain: ExampleDomain
  private let single, double: PointwiseKernels

  // Inlined where the function is named, so that its loops are compiled for it.
  @inline(__always)
  init<F: PointwiseFunction>(_ function: F.Type, single: PointwiseKernels? = nil) {
    (name, constants, domain) = (F.name, F.constants, F.domain)
    self.single = single ?? PointwiseKernels(function, Float.self)
    double = PointwiseKernels(function, Double.self)
  }

  /// Whoever calls this has checked that the type is a floating one.
  public func kernels(_ dtype: DType) -> PointwiseKernels { dtype == .float64 ? double : single }
}
