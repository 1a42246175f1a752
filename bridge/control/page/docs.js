// The API's own description, shown by the Swagger UI that lies beside this file: no outside host.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
