import Kernels
import Vocabulary

/// One operation for every function in `PointwiseCatalogue`.
let pointwiseOperations = PointwiseCatalogue.functions.map(pointwiseOperation)

func pointwiseOperation(_ function: CataloguedFunction) -> Operation {
  let (name, constants) = (function.name, function.constants)
  let attributes = Dictionary(
    uniqueKeysWithValues: constants.map { ($0.name, Attributes.Value.numbers([$0.example])) })
  return Operation(
    name, .pointwise, inputs: 1...1, arguments: constants.map(\.name),
    examples: [[3, 5], [], [0, 2], [1], [37]].map { .init([$0], attributes, function.domain) }
  ) { inputs, attributes in
    try requireFloating(name, inputs)
    let given = try constants.map { try attributes.number($0.name, default: $0.default) }
    if name == "power", let exact = try exactPower(inputs, given[0]) { return exact }
    let x = inputs[0]
    return try PointwiseOp(
      shape: x.shape, dtype: x.dtype, kernels: function.kernels(x.dtype),
      parameters: PointwiseParameters(given)
    ).apply(inputs)
  }
}

/// The common exponents have exact and much faster forms.
private func exactPower(_ inputs: [Tensor], _ exponent: Double) throws -> Tensor? {
  switch exponent {
  case 2: try apply("square", inputs)
  case 1: try apply("affine", inputs)
  case 0: try apply("pow", [inputs[0], Tensor(zeros: [], dtype: inputs[0].dtype)])
  case 0.5: try apply("sqrt", inputs)
  case -1: try apply("reciprocal", inputs)
  default: nil
  }
}
