// The API's own description, shown by Swagger UI, which the bridge serves itself: no outside host.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
