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
      softmaxOperation,
      lstmOperation,
      gruOperation,
    ]

  static let byName = Dictionary(uniqueKeysWithValues: operations.map { ($0.name, $0) })
}
