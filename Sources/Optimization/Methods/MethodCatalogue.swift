import Vocabulary

/// The list of recursions that rates bring along: one line for each pair of a rate and a direction.
public enum MethodCatalogue {
  /// nil where the direction's own recursion serves.
  public static func kernels(rate: String, direction: String, _ dtype: DType) -> MethodKernels? {
    switch (rate, direction) {
    case ("d_adaptation", "sgd"): .pair(DualAveragingRule.self, dtype)
    case ("d_adaptation", "adam"), ("d_adaptation", "adamw"): .pair(DAdaptationAdamRule.self, dtype)
    case ("prodigy", "adam"), ("prodigy", "adamw"): .pair(ProdigyRule.self, dtype)
    case ("schedule_free", "sgd"): .pair(ScheduleFreeRule.self, dtype)
    case ("schedule_free", "adamw"): .pair(ScheduleFreeAdamWRule.self, dtype)
    case ("yellowfin", "sgd"): .pair(YellowFinRule.self, dtype)
    case ("momo", "sgd"): .pair(MoMoRule.self, dtype)
    case ("momo", "adam"), ("momo", "adamw"): .pair(MoMoAdamRule.self, dtype)
    default: nil
    }
  }
}
