import Vocabulary

/// Which of the seven convolutions computes what, on one screen. Beside each number stands what it was taken from: GF/s, or
/// the rate of the first over that of the second, one thread of a Zen 5 with AVX-512 (docs/convolution.md has the tables).
/// Limits lie between what was measured on either side; AVX2 follows the same ones unmeasured. float64, whose vectors hold
/// half as many, was measured to do best with the same limits (docs/log/convolution.md).
enum ConvolutionChoice {
  /// Products of patch matrices.
  case patches
  /// F(4x4,3x3).
  case winograd
  /// Sums over taps, each pass by the vectors that it chooses.
  case direct
  /// Sums over taps along channels, each of which has a kernel of its own.
  case depthwise

  static func forward(_ dtype: DType, _ g: WindowGeometry, _ images: Int, _ outputs: Int) -> Self {
    if g.isDepthwise(outputs) { return .depthwise }
    let byWinograd = dtype == .float32 && WinogradPass(forward: g, images, outputs).isPreferred(g, outputs)
    return byWinograd ? .winograd : .direct
  }

  static func inputGradient(
    _ dtype: DType, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ kernels: ConvolutionKernels? = nil
  ) -> Self {
    if g.isDepthwise(outputs) { return .depthwise }
    if dtype == .float32, WinogradPass(inputGradient: g, images, outputs).isPreferred(g, outputs) {
      return .winograd
    }
    return prefersPatches(g, images, outputs, kernels ?? .fastest(dtype)) ? .patches : .direct
  }

  static func weightGradient(_ g: WindowGeometry, _ outputs: Int) -> Self {
    g.isDepthwise(outputs) ? .depthwise : .direct
  }

  /// Whether direct sums would spend most of their products on padding and idle lanes, which patches do not have. Of the
  /// products of 5x5 20-50 and 6-16, 0.28 and 0.19 are wanted: 132 for 63, 69 for 32. By planes 0.51 of those of 6-16 are:
  /// 128.
  private static func prefersPatches(
    _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ kernels: ConvolutionKernels
  ) -> Bool {
    guard g.groups == 1, g.channels > 1, g.imageSize > 0 else { return false }
    // Lanes of images are full, and their tiles leave the padding out: 20-50 by them is 1.04 times patches.
    let byImages = TapPass.inputGradient(g, outputs).allSatisfy {
      $0.depth == 0 || $0.vectors(kernels, images) == .images
    }
    if byImages { return false }
    let byPlanes =
      g.strideX == 1 && g.strideY == 1
      && TapPass.prefersPlanes(
        channels: outputs, outputs: g.channels, positions: g.height * g.width)
    let lanes = byPlanes ? g.channels : ColumnBlocks(g.channels, lanes: kernels.width).paddedCount
    let spent =
      Double(g.height * g.width * lanes) * Double(g.kernelHeight * g.kernelWidth)
      / Double(g.strideY * g.strideX)
    return Double(g.positions * g.patchSize) < 0.45 * spent
  }
}

/// What the vectors of a direct pass lie along.
enum PassVectors {
  case outputs
  /// Pixels, of planes that each hold a channel.
  case planes
  case images
}

extension TapPass {
  /// `forced`: what a test asks for, where there are kernels for it.
  func vectors(_ kernels: ConvolutionKernels, _ images: Int, forced: PassVectors? = nil) -> PassVectors {
    if forced.map({ $0 == .images }) ?? prefersImages(images, kernels.width), allowsImages(kernels) {
      return .images
    }
    if forced.map({ $0 == .planes }) ?? prefersPlanesForward, allowsPlanes { return .planes }
    return .outputs
  }

  /// Those of the weight gradient; by images 5x5 20-50 was 0.58.
  func gradientVectors(forced: PassVectors? = nil) -> PassVectors {
    (forced.map { $0 == .planes } ?? prefersPlanesBackward) && allowsPlanes
      ? .planes : .outputs
  }

  /// Whether a task's rows of input and output are contiguous and no tap reads backwards; there are kernels for AVX-512.
  func allowsImages(_ kernels: ConvolutionKernels) -> Bool {
    kernels.lanes != nil && channels == pitch && yPixel == outputs && depth > 0 && outputWidth > 0
      && outputHeight > 0
  }

  /// Where vectors along outputs leave more lanes idle than the last images do. 50 outputs fill 78 %: 1.22; 6 fill 38 %:
  /// 2.2. With up to three channels planes win, which are read from fewer places: 1-6 by images 0.70, 1-20 0.66.
  func prefersImages(_ images: Int, _ lanes: Int) -> Bool {
    let full = Double(images) / Double(divideUp(images, lanes) * lanes)
    let byOutputs = Double(outputs) / Double(ColumnBlocks(outputs, lanes: lanes).paddedCount)
    return full > 0.9 && byOutputs < 0.85 * full && channels > 3
  }

  var allowsPlanes: Bool { strideX == 1 && strideY == 1 && outputWidth > 0 && outputHeight > 0 && depth > 0 }

  var prefersPlanesForward: Bool {
    Self.prefersPlanes(channels: channels, outputs: outputs, positions: outputHeight * outputWidth)
  }

  /// Transposing the gradients, too, costs more than the lanes that 11 to 16 outputs leave idle: 1-6 104 for 39, 1-20 133
  /// for 87, but 3-16 117 for 129.
  var prefersPlanesBackward: Bool { prefersPlanesForward && (outputs <= 10 || outputs > 16) }

  /// Beyond these, vectors along outputs have fewer idle lanes than planes have transpositions: 1-6 119 for 31, 1-20 163
  /// for 79, 3-16 153 for 128, 6-6 110 for 48, 16-6 130 for 62.
  static func prefersPlanes(channels: Int, outputs: Int, positions: Int) -> Bool {
    positions >= 64 && (channels <= 3 && outputs <= 24 || channels <= 64 && outputs <= 12)
  }

  /// How many taps of a row go together, by outputs. AVX-512 has the registers. Two vectors of outputs are not bound by
  /// loads; of one, 3x3 16-16 gained 1.18 and 5x5 6-16 1.11 to 1.16.
  func tapsTogether(_ kernels: ConvolutionKernels) -> Int {
    kernels.takesNeighbors && outputs <= kernels.width ? neighbors : 1
  }

  /// Whether the weight gradient takes three neighboring taps together, from the images themselves: 64-64 1.21, 32-32
  /// 1.14, 16-16 1.07.
  func gradientTakesNeighbors(_ kernels: ConvolutionKernels) -> Bool {
    kernels.takesNeighbors && neighbors == 3 && strideX == 1 && strideY == 1 && channels >= 4
  }
}

extension WinogradPass {
  /// Whether there are kernels: less than a vector of channels leaves no room for the last one to overlap.
  static func allows(_ g: WindowGeometry, _ outputs: Int) -> Bool {
    g.kernelHeight == 3 && g.kernelWidth == 3 && g.strideX == 1 && g.strideY == 1 && g.dilationX == 1
      && g.dilationY == 1 && g.groups == 1 && g.channels >= 16 && outputs >= 16
  }

  /// Over the direct kernels: 16-16 0.79 to 1.22 by the size of the image, 16-32 1.5 and 64-64 2.0 at 16x16. Beyond two rows
  /// of padding an output may see nothing else, and would be a rounding error in place of zero.
  func isPreferred(_ g: WindowGeometry, _ outputs: Int) -> Bool {
    guard Self.allows(g, outputs), channels * self.outputs >= 512, padY <= 2, padX <= 2 else { return false }
    // In products for each channel and output: direct sums take four pixels of a row at once; a tile has 36 products, and
    // transforms; and those of the weights cost more where they do not fit the caches. One image of 64-64: 4x4 0.74, 8x8
    // 1.20. 512-512 at 4x4: 8 images 0.80, 16 1.10.
    let direct = 9 * images * outputHeight * divideUp(outputWidth, 4) * 4
    return direct >= 47 * tiles + 320 + channels * self.outputs / 256
  }
}
