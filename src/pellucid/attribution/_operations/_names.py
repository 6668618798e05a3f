"""The vocabulary: what torch's operations are called, sorted by what a rule must know of them."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# the same values in another order, shape or type; autograd's own backward moves relevance and multipliers
# right
STRUCTURE = _words(
    """
    __get__ __set__ __getitem__ __setitem__ view view_as reshape reshape_as flatten unflatten ravel squeeze
    unsqueeze permute transpose swapaxes swapdims movedim moveaxis t T adjoint expand expand_as broadcast_to
    broadcast_tensors repeat tile repeat_interleave cat concat concatenate hstack vstack dstack stack chunk
    split split_with_sizes tensor_split hsplit vsplit unbind select narrow index_select gather take
    take_along_dim masked_select index_copy index_put index_fill scatter select_scatter slice_scatter where
    masked_fill masked_scatter clone contiguous to type type_as float double half bfloat16 cpu cuda flip roll
    rot90 tril triu diagonal diag diag_embed unfold pixel_shuffle pixel_unshuffle channel_shuffle pad
    constant_pad_nd as_strided view_as_real meshgrid alias identity detach zero fill copy requires_grad_
    retain_grad resolve_conj resolve_neg real movedim atleast_1d atleast_2d atleast_3d set_ unsafe_chunk
    unsafe_split unsqueeze_ squeeze_ native_channel_shuffle lift_fresh pin_memory im2col
    """
)
# asks something about a tensor; nothing that can be differentiated comes back
QUESTIONS = _words(
    """
    size dim ndimension numel nelement element_size stride storage_offset is_contiguous is_floating_point
    is_complex is_tensor is_inference is_nonzero item tolist numpy __len__ __bool__ __int__ __float__
    __index__ __contains__ __repr__ __str__ __format__ __hash__ __array__ __iter__ eq ne lt le gt ge equal
    allclose isclose isnan isinf isfinite logical_and logical_or logical_not logical_xor bitwise_and
    bitwise_not any all argmax argmin argsort nonzero count_nonzero zeros_like ones_like empty_like
    full_like rand_like randn_like new_zeros new_ones new_empty new_full new_tensor get_device data_ptr
    untyped_storage storage is_same_size register_hook has_names result_type can_cast promote_types is_signed
    bincount histc searchsorted bucketize _is_view is_set_to dim_order __eq__ __ne__ __lt__ __le__ __gt__
    __ge__ _backward_hooks is_pinned is_shared one_hot randint_like bernoulli multinomial dense_dim sparse_dim
    type_promotion is_conj is_neg _nested_tensor_from_mask_left_aligned
    """
)
# one number in, one number out, at each place
ELEMENTWISE = _words(
    """
    relu gelu silu sigmoid tanh exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal square pow abs elu
    selu celu leaky_relu hardtanh relu6 clamp clamp_min clamp_max hardswish hardsigmoid softplus mish sin cos
    tan sinh cosh asin acos atan asinh acosh atanh erf erfc log_sigmoid logsigmoid softshrink hardshrink
    threshold prelu rrelu ceil floor round trunc frac float_power sinc logit nan_to_num special_entr xlogy
    fmod remainder sign sgn heaviside
    """
)
# straight in all tensors that depend on the input, taken together
LINEAR = _words(
    """
    add sub rsub neg mean sum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d mkldnn_adaptive_avg_pool2d batch_norm
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
    upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa cumsum col2im
    index_add scatter_add trace nansum dropout feature_dropout alpha_dropout feature_alpha_dropout
    reflection_pad1d reflection_pad2d replication_pad1d grid_sampler diff deg2rad rad2deg
    """
)
CONVOLUTIONS = _words("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d")
# straight in each of two tensors
PRODUCTS = CONVOLUTIONS | _words(
    "mul matmul mm bmm mv dot vdot inner outer ger linear einsum addmm addbmm baddbmm addmv bilinear"
    " tensordot lerp kron"
)
MAXIMA = _words(
    "max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"
    " max amax min amin"
)
