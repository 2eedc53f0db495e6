import Kernels
import Vocabulary

/// One operation for every function in `PointwiseCatalogue`.
let pointwiseOperations: [Operation] = PointwiseCatalogue.names.map { name in
  let arguments = ["affine": ["scale", "shift"], "power": ["exponent"]][name] ?? []
  return Operation(
    name, .pointwise, inputs: 1...1, arguments: arguments, examples: pointwiseExamples(name)
  ) { inputs, attributes in
    try requireFloating(name, inputs)
    var parameters = PointwiseParameters()
    if name == "affine" {
      parameters = PointwiseParameters(
        try attributes.number("scale", default: 1), try attributes.number("shift", default: 0))
    } else if name == "power" {
      parameters = PointwiseParameters(try attributes.number("exponent"))
      // The common exponents have exact and much faster forms.
      switch parameters.a {
      case 2: return try apply("square", inputs)
      case 1: return try apply("affine", inputs)
      case 0: return try apply("pow", [inputs[0], Tensor(zeros: [], dtype: inputs[0].dtype)])
      case 0.5: return try apply("sqrt", inputs)
      case -1: return try apply("reciprocal", inputs)
      default: break
      }
    }
    let x = inputs[0]
    guard let kernels = PointwiseCatalogue.kernels(name, x.dtype) else {
      throw Failure(.internal, "\(name): no kernels")
    }
    return try PointwiseOp(shape: x.shape, dtype: x.dtype, kernels: kernels, parameters: parameters).apply(
      inputs)
  }
}

private func pointwiseExamples(_ name: String) -> [Operation.Example] {
  let domain: Operation.Example.Domain =
    switch name {
    case "log", "sqrt", "reciprocal", "power": .positive
    case "relu", "abs": .separated
    default: .any
    }
  let attributes: [String: Attributes.Value] =
    switch name {
    case "affine": ["scale": .numbers([-1.5]), "shift": .numbers([0.25])]
    case "power": ["exponent": .numbers([2.7])]
    default: [:]
    }
  return [[3, 5], [], [0, 2], [1], [37]].map { Operation.Example([$0], attributes, domain) }
}
