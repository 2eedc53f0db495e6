import Vocabulary

/// The list of operations: one line each.
public enum Catalogue {
  public static let operations: [Operation] =
    pointwiseOperations + compareOperations + randomOperations + [
      addOperation,
      subOperation,
      mulOperation,
      divOperation,
      powOperation,
      broadcastOperation,
      maximumOperation,
      minimumOperation,
      whereOperation,
      sumOperation,
      meanOperation,
      maxOperation,
      minOperation,
      argmaxOperation,
      reshapeOperation,
      transposeOperation,
      sliceOperation,
      concatOperation,
      gatherOperation,
      castOperation,
      matmulOperation,
      linearOperation,
      conv2dOperation,
      maxPool2dOperation,
      avgPool2dOperation,
      crossEntropyOperation,
      dropoutOperation,
      batchNormOperation,
      layerNormOperation,
      rmsNormOperation,
      softmaxOperation,
      attentionOperation,
      lstmOperation,
      gruOperation,
    ]

  private static let numbers = Dictionary(
    uniqueKeysWithValues: operations.enumerated().map { ($0.element.name, $0.offset) })

  /// The place of an operation in the list, which is its number for callers that apply it often.
  public static func number(_ name: String) throws -> Int {
    guard let number = numbers[name] else { throw Failure.value("there is no operation '\(name)'") }
    return number
  }
}
