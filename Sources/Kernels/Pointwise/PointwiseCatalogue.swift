import Vocabulary

/// The list of pointwise functions: one line each.
public enum PointwiseCatalogue {
  public static let names = [
    "relu", "tanh", "sigmoid", "gelu", "exp", "log", "sqrt", "reciprocal", "square", "abs", "softplus",
    "affine",
    "power",
  ]

  public static func kernels(_ name: String, _ dtype: DType) -> PointwiseKernels? {
    let double = dtype == .float64
    switch name {
    case "relu": return specialized(Relu.self, double)
    case "tanh": return specialized(Tanh.self, double)
    case "sigmoid": return specialized(Sigmoid.self, double)
    case "gelu": return specialized(Gelu.self, double)
    case "exp": return specialized(Exp.self, double)
    case "log": return specialized(Log.self, double)
    case "sqrt": return specialized(SquareRoot.self, double)
    case "reciprocal": return specialized(Reciprocal.self, double)
    case "square": return specialized(Square.self, double)
    case "abs": return specialized(Absolute.self, double)
    case "softplus": return specialized(Softplus.self, double)
    case "affine": return specialized(Affine.self, double)
    case "power": return specialized(Power.self, double)
    default: return nil
    }
  }

  @inline(__always)
  private static func specialized<F: PointwiseFunction>(_ function: F.Type, _ double: Bool)
    -> PointwiseKernels
  {
    double ? PointwiseKernels(function, Double.self) : PointwiseKernels(function, Float.self)
  }
}
